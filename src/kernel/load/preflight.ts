import { endianness } from 'node:os';
import { HELPERS } from '../../isa/helpers.generated.ts';
import { MapType } from '../../isa/kernel-tables.generated.ts';
import { isGplCompatible } from '../../object/license.ts';
import type { ExternSpec, LinkedProgram, ObjectSpec } from '../../object/spec.ts';
import { TsbpfError } from '../../util/errors.ts';
import { progTypeName } from '../names.ts';
import { isProgramSlot, type LoadPlan, type PlannedProgram } from './plan.ts';
import { XDP_HAS_FRAGS } from './program.ts';

const CALL = 0x85;
const LDDW = 0x18;
const GPL_ONLY = new Map(
  HELPERS.filter((helper) => helper.gplOnly).map((helper) => [helper.id, helper.name]),
);

/**
 * What the kernel would refuse with an errno and few words, said before it is asked.
 *
 * @throws {TsbpfError} `ENDIAN_FOREIGN`
 */
export function checkEndian(spec: ObjectSpec): void {
  const here = endianness() === 'LE' ? 'little' : 'big';
  if (spec.endian === here) return;
  throw new TsbpfError(
    'ENDIAN_FOREIGN',
    `the object is ${spec.endian}-endian, but this machine is ${here}-endian`,
    {
      hint: `compile with -target ${here === 'little' ? 'bpfel' : 'bpfeb'}`,
    },
  );
}

/** @throws {TsbpfError} `GPL_ONLY_HELPER`, `EXTERN_UNRESOLVED`, `PROG_ARRAY_MIXED` */
export function checkPlan(spec: ObjectSpec, plan: LoadPlan, license: string): void {
  for (const { linked } of plan.values()) {
    checkExterns(spec, linked);
    if (!isGplCompatible(license)) checkGplOnly(linked, license);
  }
  for (const [name, { type }] of spec.maps) {
    if (type === MapType.PROG_ARRAY) checkProgArray(spec, name, plan);
  }
}

/** The function of a linked program that holds a slot. */
function functionAt(linked: LinkedProgram, slot: number): string {
  const found = linked.functions.find((fn) => slot >= fn.slot && slot < fn.slot + fn.slots);
  return found?.name ?? linked.name;
}

function checkGplOnly(linked: LinkedProgram, license: string): void {
  const { code } = linked;
  const view = new DataView(code.buffer, code.byteOffset, code.byteLength);
  for (let at = 0; at + 8 <= code.length; at += code[at] === LDDW ? 16 : 8) {
    if (code[at] !== CALL || code[at + 1]! >> 4 !== 0) continue;
    const helper = GPL_ONLY.get(view.getInt32(at + 4, true));
    if (helper === undefined) continue;
    const says = license === '' ? 'has no licence' : `is under '${license}'`;
    throw new TsbpfError(
      'GPL_ONLY_HELPER',
      `${functionAt(linked, at / 8)} calls ${helper}, which is for GPL-compatible programs only, but the object ${says}`,
      {
        hint: 'licences that count: GPL, GPL v2, GPL and additional rights, Dual BSD/GPL, Dual MIT/GPL, Dual MPL/GPL; in C: char _license[] SEC("license") = "GPL";',
      },
    );
  }
}

function checkExterns(spec: ObjectSpec, linked: LinkedProgram): void {
  for (const relocation of linked.relocations) {
    if (relocation.kind !== 'extern' || relocation.module) continue;
    const { name, slot } = relocation;
    const user = functionAt(linked, slot);
    const kind = spec.externs.get(name)?.kind ?? 'unknown';
    throw new TsbpfError('EXTERN_UNRESOLVED', `${user} needs '${name}', ${whyOpen[kind]}`, {
      hint:
        kind === 'ksym' || kind === 'kfunc'
          ? "give the kernel's types and symbols in the facts of the load"
          : 'link the object that defines it, or define it',
    });
  }
}

const whyOpen: Record<ExternSpec['kind'], string> = {
  kfunc: "and the kernel's types, among which it would be, are not known",
  ksym: "and the kernel's symbols, among which it would be, are not known",
  kconfig: 'a value of the configuration whose type is not known',
  map: 'a map that the object does not define',
  function: 'a function that the object does not define',
  unknown: 'which the object does not define (unknown)',
};

/** Callers and callees of a prog array must be of one kind, or the kernel answers EINVAL without a word. */
function checkProgArray(spec: ObjectSpec, map: string, plan: LoadPlan): void {
  const slots = (spec.maps.get(map)?.contents ?? []).filter(isProgramSlot);
  const callees = slots.flatMap(({ program }) => plan.get(program) ?? []);
  const callers = [...plan.values()].filter((planned) => planned.maps.has(map));
  const [first, ...others] = [...callers, ...callees];
  if (first === undefined) return;
  const other = others.find((planned) => kindText(planned) !== kindText(first));
  if (other === undefined) return;
  const role = callees.includes(other) ? 'is in one of its slots' : 'calls through it';
  throw new TsbpfError(
    'PROG_ARRAY_MIXED',
    `prog array '${map}' serves '${first.name}' of type ${kindText(first)}, but '${other.name}', which ${role}, is of type ${kindText(other)}`,
    { hint: 'a tail call stays within one program type; use one prog array a type' },
  );
}

function kindText({ kind }: PlannedProgram): string {
  return progTypeName(kind.progType) + ((kind.flags & XDP_HAS_FRAGS) === 0 ? '' : ' with frags');
}
