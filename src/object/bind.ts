import { SLOT_SIZE } from '../isa/codec.ts';
import { viewOf } from '../util/bytes.ts';
import { TsbpfError } from '../util/errors.ts';
import { setSrc, setWide } from './insn-fields.ts';
import type { LinkedProgram, Relocation, Resolver } from './spec.ts';

/** `src` of an `lddw` (Linux, `bpf.h`): a map by its descriptor, and a place in a map's value. */
const PSEUDO_MAP_FD = 1;
const PSEUDO_MAP_VALUE = 2;
const CALL = 0x85;

/**
 * The code of a linked program with every name replaced by what the resolver answers. The program
 * itself is not changed.
 *
 * @throws {TsbpfError} `EXTERN_UNRESOLVED`, and whatever the resolver throws
 */
export function bind(linked: LinkedProgram, resolver: Resolver): Uint8Array {
  const code = new Uint8Array(linked.code);
  const view = viewOf(code);
  for (const relocation of linked.relocations) patch(linked, resolver, view, relocation);
  return code;
}

function patch(linked: LinkedProgram, resolver: Resolver, view: DataView, relocation: Relocation): void {
  const { endian } = linked;
  const { slot } = relocation;
  switch (relocation.kind) {
    case 'map':
      setSrc(view, slot, endian, PSEUDO_MAP_FD);
      setWide(view, slot, endian, resolver.map(relocation.map), 0);
      break;
    case 'mapValue':
      setSrc(view, slot, endian, PSEUDO_MAP_VALUE);
      setWide(view, slot, endian, resolver.mapValue(relocation.map), relocation.offset | 0);
      break;
    case 'extern':
      patchExtern(linked, resolver, view, slot, relocation.name);
      break;
    case 'call':
    case 'functionAddress':
      throw new TsbpfError(
        'NOT_LINKED',
        `slot ${slot} of ${linked.name} still refers to ${relocation.target} by name`,
      );
  }
}

function patchExtern(
  linked: LinkedProgram,
  resolver: Resolver,
  view: DataView,
  slot: number,
  name: string,
): void {
  const { endian } = linked;
  const isCall = view.getUint8(slot * SLOT_SIZE) === CALL;
  const found = resolver.extern?.(name, isCall ? 'call' : 'load');
  if (!found)
    throw new TsbpfError('EXTERN_UNRESOLVED', `${linked.name} needs ${name}, which is not known here`);
  setSrc(view, slot, endian, found.src);
  const imm = Number(BigInt.asIntN(32, found.imm64));
  const nextImm = Number(BigInt.asIntN(32, found.imm64 >> 32n));
  if (!isCall) {
    setWide(view, slot, endian, imm, nextImm);
    return;
  }
  // A kernel function: its BTF id, and in the upper half the place of its module in fd_array.
  view.setInt32(slot * SLOT_SIZE + 4, imm, endian === 'little');
  view.setInt16(slot * SLOT_SIZE + 2, nextImm, endian === 'little');
}
