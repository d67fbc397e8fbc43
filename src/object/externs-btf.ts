import type { Btf } from '../btf/btf.ts';
import { BTF_TYPE_SIZE, makeInfo } from '../btf/layout.ts';
import type { BtfDatasec, BtfFunc } from '../btf/types.ts';

/** `enum btf_func_linkage` and the linkage of a VAR. */
const LINKAGE_GLOBAL = 1;
const SECTION_VAR_SIZE = 12;
const PARAM_SIZE = 8;

/**
 * Rewrites the declarations of externs within a copy of a BTF so that BPF_BTF_LOAD takes it: the
 * kernel knows no linkage `extern`, no variable without a size, no section that holds functions and
 * no parameter of a function without a name (Linux, `btf_func_check_meta`, `btf_var_resolve`,
 * `btf_datasec_check_meta`). No record changes its length, so all type numbers stay.
 *
 * @returns false where that cannot be done, for want of any type with a size
 */
export function rewriteExterns(btf: Btf, view: DataView): boolean {
  const little = btf.endian === 'little';
  let sized: number | undefined;
  for (let id = btf.firstId; id < btf.typeCount; id++) {
    const type = btf.type(id);
    const at = btf.offsetOf(id);
    if (type.kind === 'func' && type.linkage === 'extern') {
      view.setUint32(at + 4, makeInfo('func', LINKAGE_GLOBAL), little);
      nameParams(btf, view, type);
    } else if (type.kind === 'var' && type.linkage === 'extern') {
      view.setUint32(at + BTF_TYPE_SIZE, LINKAGE_GLOBAL, little);
      if (hasSize(btf, type.type)) continue;
      sized ??= anySized(btf);
      if (sized === undefined) return false;
      view.setUint32(at + 8, sized, little);
    } else if (type.kind === 'datasec' && type.vars.some((entry) => !hasSize(btf, entry.type))) {
      sized ??= anySized(btf);
      if (sized === undefined) return false;
      toStruct(btf, view, type, sized);
    }
  }
  return true;
}

/** A struct of as many members takes as many bytes, and may have any names and sized types. */
function toStruct(btf: Btf, view: DataView, section: BtfDatasec, sized: number): void {
  const little = btf.endian === 'little';
  const at = btf.offsetOf(section.id);
  const size = btf.sizeOf(sized);
  const { vars } = section;
  // Its name has a dot, which no struct's may have.
  view.setUint32(at, 0, little);
  view.setUint32(at + 4, makeInfo('struct', vars.length), little);
  view.setUint32(at + 8, size * vars.length, little);
  for (const [index, { type }] of vars.entries()) {
    const member = at + BTF_TYPE_SIZE + index * SECTION_VAR_SIZE;
    view.setUint32(member, nameOffset(btf, view, type), little);
    view.setUint32(member + 4, sized, little);
    view.setUint32(member + 8, index * size * 8, little);
  }
}

function nameParams(btf: Btf, view: DataView, func: BtfFunc): void {
  const proto = btf.type(func.type);
  if (proto.kind !== 'funcProto') return;
  const little = btf.endian === 'little';
  const name = nameOffset(btf, view, func.id);
  for (const [index, param] of proto.params.entries()) {
    // One without name and type stands for `...`.
    if (param.name !== '' || param.type === 0) continue;
    view.setUint32(btf.offsetOf(proto.id) + BTF_TYPE_SIZE + index * PARAM_SIZE, name, little);
  }
}

const nameOffset = (btf: Btf, view: DataView, id: number): number =>
  view.getUint32(btf.offsetOf(id), btf.endian === 'little');

/** Whether values of a type, or of a variable's, take bytes. */
export function hasSize(btf: Btf, id: number): boolean {
  const type = btf.resolve(id);
  const { kind } = type.kind === 'var' ? btf.resolve(type.type) : type;
  return kind !== 'void' && kind !== 'fwd' && kind !== 'func' && kind !== 'funcProto';
}

function anySized(btf: Btf): number | undefined {
  for (let id = btf.firstId; id < btf.typeCount; id++) if (btf.kindOf(id) === 'int') return id;
  return undefined;
}
