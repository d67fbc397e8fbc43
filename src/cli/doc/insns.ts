import { formatInstruction } from '../../asm/print/format.ts';
import { encodeInsns, type Instruction, makeInsn } from '../../isa/codec.ts';
import { ISA_LEVELS, insnDoc } from '../../isa/insn-docs.ts';
import { INSN_TABLE, type InsnDef } from '../../isa/insn-table.ts';
import { className, encodingDiagram } from './encoding.ts';
import { facts, type Page, type Shelf } from './page.ts';

/** What people write where the bare fields would say little. */
const WRITTEN: Readonly<Record<string, string>> = {
  call: 'call bpf_map_lookup_elem',
  call_local: 'call my_function',
  call_kfunc: 'call bpf_rcu_read_lock',
  lddw: 'r1 = 0x1122334455667788 ll',
  lddw_map_fd: 'r1 = my_map ll',
  lddw_map_value: 'r1 = my_variable ll',
  lddw_btf_id: 'r1 = kernel_variable ll',
  lddw_func: 'r1 = my_function ll',
  lddw_map_idx: 'r1 = my_map ll',
  lddw_map_idx_value: 'r1 = my_variable ll',
};

/** The row with small operands. */
function exampleInsn(def: InsnDef): Instruction {
  const casts = def.imm === 'as_cast' ? 1 : 5;
  return makeInsn(def, {
    ...(def.dst === 'reg' && { dst: 1 }),
    ...(def.src === 'reg' && { src: 2 }),
    ...(typeof def.off === 'string' && { off: def.off === 'branch' ? 3 : 4 }),
    ...(typeof def.imm === 'string' && { imm: def.imm === 'branch' ? 3 : casts }),
  });
}

/** An instruction of a row as LLVM's assembler reads it, with operands made up. */
export function exampleText(def: InsnDef): string {
  return WRITTEN[def.name] ?? formatInstruction(exampleInsn(def), { radix: 10 });
}

/** `0x0f` */
export const opcodeText = (def: InsnDef): string => `0x${def.opcode.toString(16).padStart(2, '0')}`;

/** The bytes as they lie in memory on a little endian machine. */
function bytesText(insn: Instruction): string {
  return [...encodeInsns([insn])].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
}

/** @param written what the user wrote, and what the assembler made of it; an example where it is left out */
export function insnPage(
  def: InsnDef,
  written?: { readonly text: string; readonly insn: Instruction },
): Page {
  const doc = insnDoc(def);
  const syntax = written?.text ?? exampleText(def);
  const bytes = written && bytesText(written.insn);
  const since = doc.since ?? 'no kernel takes it';
  return {
    kind: 'insn',
    name: def.name,
    summary: doc.text,
    blocks: [
      { kind: 'code', language: 'asm', text: syntax },
      { kind: 'text', text: doc.text },
      { kind: 'code', language: 'c', text: doc.pseudocode },
      { kind: 'code', language: 'text', text: encodingDiagram(def) },
      facts(
        ['bytes', bytes],
        ['mnemonic', def.mnemonic],
        ['instruction set', ISA_LEVELS[def.isa]],
        ['Linux', since],
        ['RFC 9669', doc.section === undefined ? 'not in it' : `section ${doc.section}`],
      ),
    ],
    data: {
      mnemonic: def.mnemonic,
      syntax,
      pseudocode: doc.pseudocode,
      ...(bytes !== undefined && { bytes }),
      opcode: def.opcode,
      class: className(def),
      fields: { dst: def.dst, src: def.src, off: def.off, imm: def.imm },
      slots: def.slots,
      isa: def.isa,
      since: doc.since ?? null,
      rfc9669: doc.section ?? null,
    },
  };
}

function find(name: string): Page[] {
  const wanted = name.toLowerCase();
  const opcode = /^0x[0-9a-f]{1,2}$/.test(wanted) ? Number(wanted) : undefined;
  const exact = INSN_TABLE.filter((def) => def.name === wanted);
  const rows =
    exact.length > 0 && exact[0]!.mnemonic !== wanted
      ? exact
      : INSN_TABLE.filter((def) => def.name === wanted || def.mnemonic === wanted || def.opcode === opcode);
  return rows.map((def) => insnPage(def));
}

export const insns: Shelf = {
  kind: 'insn',
  title: 'Instructions',
  file: 'docs/reference/instructions.md',
  introduction:
    'Every instruction of RFC 9669 and what Linux has added to it. `_k` takes a constant, `_x` a register. `tsbpf doc insn NAME`, `0x0f` or `"r1 += r2"` shows one with its bits.',
  list: () => INSN_TABLE.map((def) => ({ name: def.name, summary: exampleText(def) })),
  find,
  *spellings() {
    for (const def of INSN_TABLE) yield* new Set([def.mnemonic, def.name]);
  },
};
