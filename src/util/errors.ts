/** What every error of this library carries besides its message. */
export interface TsbpfErrorOptions {
  /** What to do about it, one sentence. */
  readonly hint?: string | undefined;
  readonly cause?: unknown;
}

/**
 * The root of every exception that this library throws on purpose. `code` is stable and may be
 * matched on; the wording of `message` may change.
 *
 * @example
 * ```ts
 * try { parseElf(bytes) } catch (error) {
 *   if (error instanceof TsbpfError && error.code === 'ELF_TRUNCATED') { … }
 * }
 * ```
 */
export class TsbpfError extends Error {
  override readonly name: string = 'TsbpfError';
  readonly code: string;
  readonly hint: string | undefined;

  constructor(code: string, message: string, options: TsbpfErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint;
  }

  /** The error as plain data, for `--json` output. */
  toJSON(): Record<string, unknown> {
    const { name, code, message, hint } = this;
    return hint === undefined ? { name, code, message } : { name, code, message, hint };
  }
}

/**
 * Bytes that do not hold what their format demands. `path` names the field that was wrong the way
 * a reader would point at it: `elf/sections/3/sh_offset`.
 */
export class FormatError extends TsbpfError {
  override readonly name = 'FormatError';
  readonly path: string;

  constructor(code: string, path: string, message: string, options: TsbpfErrorOptions = {}) {
    super(code, `${path}: ${message}`, options);
    this.path = path;
  }

  override toJSON(): Record<string, unknown> {
    return { ...super.toJSON(), path: this.path };
  }
}

/** A number that does not fit the field that it was meant for. */
export class OutOfRangeError extends TsbpfError {
  override readonly name = 'OutOfRangeError';
  readonly field: string;
  readonly value: number | bigint;
  readonly min: number | bigint;
  readonly max: number | bigint;

  constructor(field: string, value: number | bigint, min: number | bigint, max: number | bigint) {
    super('OUT_OF_RANGE', `${field} is ${value}, but must be a whole number from ${min} to ${max}`);
    this.field = field;
    this.value = value;
    this.min = min;
    this.max = max;
  }
}

/** Throws {@link OutOfRangeError} unless `value` is a whole number from `min` to `max`. */
export function checkRange(field: string, value: number, min: number, max: number): number {
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  throw new OutOfRangeError(field, value, min, max);
}
