import { decodeText } from '../util/bytes.ts';
import { ByteReader } from '../util/reader.ts';
import type { Executable } from './executable.ts';

/** NT_STAPSDT, and the section whose address tells how far a linker has moved the notes' addresses. */
const NOTE_TYPE = 3;
const NOTE_OWNER = 'stapsdt';
const BASE_SECTION = '.stapsdt.base';

/** An argument of a probe: where it lies when the probe is hit. */
export interface UsdtArgument {
  /** Bytes; 1, 2, 4 or 8. */
  readonly size: number;
  readonly signed: boolean;
  /** As the assembler wrote it: `%rax`, `-4(%rbp)`, `$5`. */
  readonly operand: string;
}

/** One place where a USDT probe stands; a probe may stand at several. */
export interface UsdtProbe {
  readonly provider: string;
  readonly name: string;
  readonly fileOffset: number;
  /** Where in the file the counter lies that tells the program that somebody listens; 0 for none. */
  readonly semaphoreOffset: number;
  readonly arguments: readonly UsdtArgument[];
}

/** `-4@%eax`, `8@-16(%rbp)`. */
export function parseUsdtArguments(text: string): UsdtArgument[] {
  return [...text.matchAll(/(-?)(\d+)(?:f)?@((?:[^\s(]*\([^)]*\))|\S+)/g)].map((match) => ({
    size: Number(match[2]),
    signed: match[1] === '-',
    operand: match[3]!,
  }));
}

/**
 * The USDT probes of a program: the notes of `.note.stapsdt`.
 *
 * @throws {FormatError}
 */
export function usdtProbes(executable: Executable): UsdtProbe[] {
  const base = executable.section(BASE_SECTION)?.address;
  return executable
    .notes()
    .filter(({ owner, type }) => owner === NOTE_OWNER && type === NOTE_TYPE)
    .map(({ bytes }, index) => {
      const reader = new ByteReader(bytes, 'little', `${executable.path}/usdt/${index}`, 'ELF_');
      // Where the linker put the section differs from where the assembler thought it would stand.
      const moved = base === undefined ? 0 : base - reader.size64(8, 'base');
      const semaphore = reader.size64(16, 'semaphore');
      const [provider = '', name = '', args = ''] = decodeText(bytes.subarray(24)).split('\0');
      return {
        provider,
        name,
        fileOffset: executable.fileOffset(reader.size64(0, 'location') + moved),
        semaphoreOffset: semaphore === 0 ? 0 : executable.fileOffset(semaphore + moved),
        arguments: parseUsdtArguments(args),
      };
    });
}
