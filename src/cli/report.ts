import { DiagnosticsError } from '../util/diagnostic.ts';
import { TsbpfError } from '../util/errors.ts';
import { renderDiagnostics } from '../util/render.ts';
import { ExitCode } from './exit.ts';
import { paint, printJson, tell } from './io.ts';

/** errno names that mean: not here, or not for this user. */
const UNSUPPORTED = new Set(['EPERM', 'EACCES', 'EOPNOTSUPP', 'ENOTSUPP', 'ENOSYS']);

/** Codes of what is wrong with the words themselves, whatever the kernel holds. */
const USAGE = new Set([
  'ARGUMENT_EXTRA',
  'ARGUMENT_MISSING',
  'FEATURE_UNKNOWN',
  'FLAG_UNKNOWN',
  'ID_INVALID',
  'KIND_UNKNOWN',
  'MAP_TYPE_UNKNOWN',
  'NUMBER_INVALID',
  'OPTIONS_CONTRADICT',
  'OPTION_UNKNOWN',
  'TC_PROTOCOL',
  'TRACEPOINT_NAME',
  'UPROBE_PLACE',
]);

/** Tells an error to a person or, as JSON, to a program, and says what to exit with. */
export function report(error: unknown, json: boolean): ExitCode {
  if (json) printJson({ error: error instanceof Error ? asData(error) : { message: String(error) } });
  if (error instanceof DiagnosticsError) tell(renderDiagnostics(error.diagnostics, paint));
  else if (error instanceof TsbpfError) tellError(error);
  else if (isFileError(error))
    tell(`${paint('error', 'error')}: ${error.message.replace(/^[A-Z0-9]+: /, '')}`);
  else tell(`${paint('error', 'internal error')}: ${error instanceof Error ? error.stack : String(error)}`);
  return exitCodeOf(error);
}

function tellError(error: TsbpfError): void {
  tell(`${paint('error', `error[${error.code}]`)}: ${error.message}`);
  if (error.hint !== undefined) tell(`${paint('help', 'help')}: ${error.hint}`);
}

function asData(error: Error): Record<string, unknown> {
  return error instanceof TsbpfError ? error.toJSON() : { name: error.name, message: error.message };
}

interface FileError extends Error {
  readonly code: string;
  readonly path?: string;
}

function isFileError(error: unknown): error is FileError {
  return error instanceof Error && 'syscall' in error && 'code' in error && !(error instanceof TsbpfError);
}

function exitCodeOf(error: unknown): ExitCode {
  if (isFileError(error)) return ExitCode.usage;
  if (error instanceof TsbpfError && USAGE.has(error.code)) return ExitCode.usage;
  // The verifier's EACCES is about the program, not about the user.
  if (error instanceof Error && error.name === 'VerifierError') return ExitCode.rejected;
  if (error instanceof TsbpfError && 'aboutObject' in error && error.aboutObject) return ExitCode.rejected;
  const errno = error instanceof TsbpfError && 'errnoName' in error ? String(error.errnoName) : '';
  if (UNSUPPORTED.has(errno)) return ExitCode.unsupported;
  if (error instanceof TsbpfError && error.code.endsWith('_UNAVAILABLE')) return ExitCode.unsupported;
  return ExitCode.rejected;
}
