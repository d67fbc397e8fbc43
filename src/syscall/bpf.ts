import { BpfCmd } from '../isa/kernel-tables.generated.ts';
import { SyscallError } from './error.ts';
import { type BpfCommandName, type CommandContext, explainBpf } from './explain.ts';
import { addressOf, invoke } from './native.ts';

/** An attr and the buffers that its addresses point to. */
export interface BpfCall {
  readonly attr: Uint8Array;
  readonly held: readonly Uint8Array[];
}

/** The command's result, or minus the errno. */
export function bpf(command: BpfCommandName, call: BpfCall): number {
  const held = [call.attr, ...call.held];
  return invoke('bpf', held, BpfCmd[command], addressOf(call.attr), call.attr.length);
}

/** A refusal of bpf(2) in words. */
export function bpfError(
  command: BpfCommandName,
  errno: number,
  doing: string,
  context: CommandContext = {},
): SyscallError {
  const meaning = explainBpf(command, errno, context);
  return new SyscallError({ syscall: 'bpf', command, errno, doing, ...meaning });
}

/** As {@link bpf}, but throws where the kernel refuses. @throws {SyscallError} */
export function checkedBpf(
  command: BpfCommandName,
  call: BpfCall,
  doing: string,
  context?: CommandContext,
): number {
  const result = bpf(command, call);
  if (result >= 0) return result;
  throw bpfError(command, -result, doing, context);
}

/** An address as an attr holds it; 0 for no buffer. */
export function pointer(bytes: Uint8Array | undefined): bigint {
  return BigInt(addressOf(bytes));
}

/** Those buffers that are there. */
export function present(...buffers: (Uint8Array | undefined)[]): Uint8Array[] {
  return buffers.filter((buffer) => buffer !== undefined);
}
