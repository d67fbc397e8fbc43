import { sha1 } from '@noble/hashes/legacy.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { SLOT_SIZE } from '../isa/codec.ts';
import { type Endian, toHex, viewOf } from '../util/bytes.ts';
import { bind } from './bind.ts';
import { getSrc } from './insn-fields.ts';
import type { LinkedProgram } from './spec.ts';

/** A program's name for what it does: the kernel shows it beside the id. 16 hex digits each. */
export interface ProgramTag {
  /** Of kernels before 6.18. */
  readonly sha1: string;
  /** Since 6.18. */
  readonly sha256: string;
}

const LDDW = 0x18;
/** `src` of an `lddw` whose numbers differ from load to load: BPF_PSEUDO_MAP_FD and BPF_PSEUDO_MAP_VALUE. */
const MAP_SOURCES = [1, 2];
/** The kernel keeps the first BPF_TAG_SIZE bytes of the digest. */
const TAG_SIZE = 8;

/**
 * The tag that the kernel gives to this code: a digest of its instructions, in which the numbers of
 * maps count as zero (Linux, `kernel/bpf/core.c`, bpf_prog_calc_tag).
 *
 * @param code as it is handed to BPF_PROG_LOAD
 */
export function codeTag(code: Uint8Array, endian: Endian = 'little'): ProgramTag {
  const plain = code.slice();
  const view = viewOf(plain);
  for (let at = 0; at + SLOT_SIZE <= plain.length; at += SLOT_SIZE) {
    if (plain[at] !== LDDW) continue;
    if (MAP_SOURCES.includes(getSrc(view, at / SLOT_SIZE, endian))) {
      plain.fill(0, at + 4, at + SLOT_SIZE);
      plain.fill(0, at + SLOT_SIZE + 4, at + 2 * SLOT_SIZE);
    }
    at += SLOT_SIZE;
  }
  const tag = (digest: Uint8Array): string => toHex(digest.subarray(0, TAG_SIZE));
  return { sha1: tag(sha1(plain)), sha256: tag(sha256(plain)) };
}

/**
 * The tag that a linked program will have, without a kernel: what tells a program that is attached
 * somewhere apart from those of a build.
 *
 * @throws {TsbpfError} `EXTERN_UNRESOLVED` where the code depends on the kernel
 *
 * @example
 * ```ts
 * programTag(link(spec, 'xdp_drop_the_world')).sha256; // 'b11459a0e11ca14c'
 * ```
 */
export function programTag(linked: LinkedProgram): ProgramTag {
  return codeTag(bind(linked, { map: () => 0, mapValue: () => 0 }), linked.endian);
}
