import { bpf, pointer, present } from '../../syscall/bpf.ts';
import { mapCreateAttr, progLoadAttr } from '../../syscall/bpf-attr.ts';
import { logText } from '../../syscall/bpf-prog.ts';
import { Fd } from '../../syscall/fd.ts';
import { concatBytes, encodeText } from '../../util/bytes.ts';

/** One slot of code, little-endian (RFC 9669, section 3.1). */
export function insn(opcode: number, dst: number, src: number, off: number, imm: number): Uint8Array {
  const bytes = new Uint8Array(8);
  const view = new DataView(bytes.buffer);
  bytes[0] = opcode;
  bytes[1] = dst | (src << 4);
  view.setInt16(2, off, true);
  view.setInt32(4, imm, true);
  return bytes;
}

const MOV64_IMM = 0xb7;
const EXIT = 0x95;
export const movImm = (dst: number, imm: number): Uint8Array => insn(MOV64_IMM, dst, 0, 0, imm);
export const exit: Uint8Array = insn(EXIT, 0, 0, 0, 0);
/** `return value`. */
export const returns = (value: number): Uint8Array => concatBytes([movImm(0, value), exit]);
export const callHelper = (id: number): Uint8Array => insn(0x85, 0, 0, 0, id);

/** A program that is loaded to see whether the kernel takes it, and is closed at once. */
export interface ProgramProbe {
  readonly type: number;
  readonly code: Uint8Array;
  readonly attachType?: number | undefined;
  readonly attachBtfId?: number | undefined;
  readonly flags?: number | undefined;
  readonly name?: string;
}

/** Two instructions and what a refusal says about them take a few hundred bytes. */
const LOG_SIZE = 4096;

function load(probe: ProgramProbe, version: number, log: Uint8Array | undefined): number {
  const license = encodeText('GPL\0');
  const attr = progLoadAttr.encode({
    prog_type: probe.type,
    insn_cnt: probe.code.length / 8,
    insns: pointer(probe.code),
    license: pointer(license),
    log_level: log ? 1 : 0,
    log_size: log?.length ?? 0,
    log_buf: pointer(log),
    // Kernels before 5.0 load no kprobe that was not made for them.
    kern_version: version,
    prog_flags: probe.flags ?? 0,
    prog_name: probe.name ?? '',
    expected_attach_type: probe.attachType ?? 0,
    attach_btf_id: probe.attachBtfId ?? 0,
  });
  return bpf('PROG_LOAD', { attr, held: present(probe.code, license, log) });
}

/** The descriptor of a program for further questions, or minus the errno. */
export function openProgram(probe: ProgramProbe, version: number): Fd | number {
  const result = load(probe, version, undefined);
  return result < 0 ? result : new Fd(result, 'a program that asks what the kernel has');
}

/** 0, or minus the errno. */
export function probeProgram(probe: ProgramProbe, version: number): number {
  return closed(openProgram(probe, version));
}

/** As {@link probeProgram}, and what the verifier wrote. */
export function probeWithLog(probe: ProgramProbe, version: number): { result: number; log: string } {
  const log = new Uint8Array(LOG_SIZE);
  const result = load(probe, version, log);
  if (result >= 0) new Fd(result, 'a program').close();
  return { result, log: logText(log) };
}

/** Closes what was opened and answers 0; minus the errno where nothing was. */
export function closed(opened: Fd | number): number {
  if (typeof opened === 'number') return opened;
  opened.close();
  return 0;
}

/** The descriptor of a map, or minus the errno. */
export function openMap(shape: Parameters<typeof mapCreateAttr.encode>[0]): Fd | number {
  const result = bpf('MAP_CREATE', { attr: mapCreateAttr.encode(shape), held: [] });
  return result < 0 ? result : new Fd(result, 'a map that asks what the kernel has');
}
