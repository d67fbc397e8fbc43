import { requiredCapabilities } from './capability-needs.ts';
import { Errno } from './errno.ts';
import { COMMAND_MEANINGS } from './explain-command.ts';
import { explainAttach } from './explain-link.ts';
import { explainPermission } from './explain-permission.ts';
import { MANY_FILES } from './explain-system.ts';
import { type FileSystemOf, fileSystemOf } from './file-system.ts';
import { missingCapabilities, type Privileges, readPrivileges } from './privileges.ts';

export { requiredCapabilities } from './capability-needs.ts';
export { explainPermission } from './explain-permission.ts';

/** What is known about a refused command, so that its errno can be told in words. */
export interface CommandContext {
  readonly progType?: number | undefined;
  readonly mapType?: number | undefined;
  /** Attaching: what is asked for. */
  readonly attachType?: number | undefined;
  /** Attaching: what the program was loaded for, where that is known. */
  readonly expectedAttachType?: number | undefined;
  /** A BPF token was given with it. */
  readonly withToken?: boolean | undefined;
  /** PROG_LOAD: the verifier wrote nothing. */
  readonly logEmpty?: boolean | undefined;
  /** Map elements: what the map holds at most. */
  readonly maxEntries?: number | undefined;
  /** Map elements: the index that was asked for. */
  readonly index?: number | undefined;
  readonly path?: string | undefined;
  readonly id?: number | undefined;
  /** The interface that a program is bound to. */
  readonly device?: string | undefined;
  /** Bytes of the packet of a test run. */
  readonly dataSize?: number | undefined;
  /** Bytes of the ctx of a test run. */
  readonly ctxSize?: number | undefined;
  /** What a test run wanted to give back, and the room for it. */
  readonly dataSizeOut?: number | undefined;
  readonly dataRoom?: number | undefined;
  /** PROG_LOAD: slots of 8 bytes. */
  readonly insnCount?: number | undefined;
  /** What is made counts against the limit of locked memory in kernels before 5.11. */
  readonly countsMemory?: boolean | undefined;
}

export interface Explanation {
  readonly explanation: string;
  readonly hint?: string | undefined;
  /** It is what was named that stands against it, not the rights of the process nor this kernel. */
  readonly aboutObject?: boolean | undefined;
}

export type BpfCommandName =
  | 'MAP_CREATE'
  | 'MAP_LOOKUP_ELEM'
  | 'MAP_UPDATE_ELEM'
  | 'MAP_DELETE_ELEM'
  | 'MAP_GET_NEXT_KEY'
  | 'MAP_LOOKUP_AND_DELETE_ELEM'
  | 'MAP_LOOKUP_BATCH'
  | 'MAP_LOOKUP_AND_DELETE_BATCH'
  | 'MAP_UPDATE_BATCH'
  | 'MAP_DELETE_BATCH'
  | 'MAP_FREEZE'
  | 'PROG_LOAD'
  | 'PROG_TEST_RUN'
  | 'LINK_CREATE'
  | 'LINK_UPDATE'
  | 'LINK_DETACH'
  | 'PROG_ATTACH'
  | 'PROG_DETACH'
  | 'PROG_QUERY'
  | 'RAW_TRACEPOINT_OPEN'
  | 'ITER_CREATE'
  | 'OBJ_PIN'
  | 'OBJ_GET'
  | 'OBJ_GET_INFO_BY_FD'
  | 'PROG_GET_NEXT_ID'
  | 'MAP_GET_NEXT_ID'
  | 'LINK_GET_NEXT_ID'
  | 'BTF_GET_NEXT_ID'
  | 'PROG_GET_FD_BY_ID'
  | 'MAP_GET_FD_BY_ID'
  | 'LINK_GET_FD_BY_ID'
  | 'BTF_GET_FD_BY_ID'
  | 'ENABLE_STATS'
  | 'BTF_LOAD'
  | 'TOKEN_CREATE'
  | 'PROG_STREAM_READ_BY_FD';

/** Commands whose EPERM is about the object, not about the process. */
function aboutObject(command: BpfCommandName, context: CommandContext, privileges: Privileges): boolean {
  const explained =
    COMMAND_MEANINGS[command]?.[Errno.EPERM] !== undefined ||
    explainAttach(command, Errno.EPERM, context) !== undefined;
  return explained && missingCapabilities(privileges, requiredCapabilities(command, context)).length === 0;
}

/** Commands whose memory counts as locked in kernels before 5.11. */
const COUNTS_MEMORY: readonly BpfCommandName[] = ['MAP_CREATE', 'PROG_LOAD', 'BTF_LOAD'];

/** What an errno of bpf(2) means for a command, in words; undefined where the errno's own text has to do. */
export function explainBpf(
  command: BpfCommandName,
  errno: number,
  context: CommandContext,
  privileges: () => Privileges = readPrivileges,
  files: FileSystemOf = fileSystemOf,
): Explanation | undefined {
  if (errno === Errno.ENOSYS) {
    return { explanation: 'this kernel has no bpf(2), or a sandbox hides it' };
  }
  if (errno === Errno.EMFILE) return MANY_FILES;
  let object = false;
  if (errno === Errno.EPERM) {
    const may = privileges();
    object = aboutObject(command, context, may);
    if (!object) {
      const countsMemory = COUNTS_MEMORY.includes(command);
      return explainPermission(requiredCapabilities(command, context), { ...context, countsMemory }, may);
    }
  }
  const found =
    COMMAND_MEANINGS[command]?.[errno]?.(context, files) ?? explainAttach(command, errno, context);
  const meaning = typeof found === 'string' ? { explanation: found } : found;
  return meaning && object ? { ...meaning, aboutObject: true } : meaning;
}
