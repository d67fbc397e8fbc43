/** What the process answers its caller. */
export const ExitCode = {
  ok: 0,
  /** The program was rejected or faulted, or the input is not valid. */
  rejected: 1,
  usage: 2,
  /** Not permitted or not supported on this machine. */
  unsupported: 3,
  interrupted: 130,
} as const;
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];
