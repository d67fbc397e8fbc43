import { programKind } from '../../object/section-names.ts';
import type { Endian } from '../../util/bytes.ts';
import type { Expr, Range } from '../syntax/ast.ts';
import { quotedEnd, stringBytes } from '../syntax/literals.ts';
import { readExpression, whatIsHere } from '../syntax/mnemonic-expression.ts';
import { unknownEscape } from '../syntax/plain-string.ts';
import type { Problems } from '../syntax/problems.ts';
import type { RawText } from '../syntax/raw-directives.ts';
import { Scanner } from '../syntax/scanner.ts';
import { CORE_WORDS, type CoreReference, parseCore } from '../types/core.ts';
import { contextField, extentOfText, type FieldPlace, fieldPlace } from '../types/field-path.ts';
import { TypeRegistry } from '../types/registry.ts';
import type { Location } from './symbols.ts';

type Call = Extract<Expr, { kind: 'call' }>;

/** What the language asks the rest of the assembler. */
interface Host {
  number(expr: Expr, what: string): bigint | undefined;
}

/** A CO-RE relocation that an instruction asks for. */
export interface WantedCore {
  readonly at: Location;
  readonly reference: CoreReference;
}

const CONTEXT = 'ctx.';
/** Calls are evaluated recursively; nobody nests them deeper. */
const MAX_CALLS = 50;
const SWAP = /^(be|le)(16|32|64)$/;

/**
 * What the language adds to LLVM's: C's types, the context by its fields, and what can be asked of
 * both in an expression. One per file.
 */
export class Language {
  readonly types: TypeRegistry;
  readonly cores: WantedCore[] = [];
  readonly #problems: Problems;
  readonly #host: Host;
  readonly #endian: Endian;
  /** Of calls within calls. */
  #depth = 0;

  constructor(problems: Problems, host: Host, endian: Endian) {
    this.#problems = problems;
    this.#host = host;
    this.#endian = endian;
    this.types = new TypeRegistry(problems, (range, what) => this.#numberAt(range, what));
  }

  /** An expression within C: the length of an array, the value of an enumerator. */
  #numberAt(range: Range, what: string): bigint | undefined {
    const expr = this.#expressionIn({ text: this.#problems.textOf(range), ...range });
    return expr && this.#host.number(expr, what);
  }

  #expressionIn({ text, start, end }: RawText): Expr | undefined {
    const scanner = new Scanner(text, start);
    scanner.end = text.length;
    scanner.skipSpaces();
    if (text === '') {
      this.#problems.error({ start, end: Math.max(end, start + 1) }, 'syntax', 'this needs a number');
      return undefined;
    }
    const expr = readExpression(scanner, this.#problems);
    if (!expr || scanner.at >= text.length) return expr;
    const rest = { start: scanner.place, end };
    this.#problems.error(rest, 'syntax', `expected the end of the expression, found ${whatIsHere(scanner)}`);
    return undefined;
  }

  /** Whether a name speaks of a type's fields or of the context: `event.pid`, `ctx.data`. */
  knows(name: string): boolean {
    const dot = name.indexOf('.');
    if (dot < 0) return this.types.constants.has(name);
    return dot > 0 && (name.startsWith(CONTEXT) || this.types.find(name.slice(0, dot)) !== undefined);
  }

  /** The number that such a name stands for: an offset in bytes, or an enumerator's value. */
  valueOf(name: string, range: Range, here: Location): bigint | undefined {
    const constant = this.types.constants.get(name);
    if (constant !== undefined) return constant;
    const place = name.startsWith(CONTEXT)
      ? this.contextField(name, range, here)
      : this.#place(fieldPlace(this.types, { text: name, base: range.start }), range);
    return place && BigInt(place.offset);
  }

  /** The field of `ctx.data` in the context of the programs of a section. */
  contextField(name: string, range: Range, { section }: Location): FieldPlace | undefined {
    const progType = programKind(section.name)?.progType;
    if (progType === undefined) {
      this.#problems.error(range, 'no-context', `section '${section.name}' does not tell what 'ctx' is`, {
        help: ["the section's name gives a program its type: '.program NAME, \"xdp\"'"],
      });
      return undefined;
    }
    const text = { text: name.slice(CONTEXT.length), base: range.start + CONTEXT.length };
    return contextField(this.types, progType, text);
  }

  /** A field that has an address; bit fields have none of their own. */
  #place(place: FieldPlace | undefined, range: Range): FieldPlace | undefined {
    if (!place?.bits) return place;
    const { size, offset } = place.bits;
    this.#problems.error(range, 'bit-field', 'a bit field has no address', {
      help: [`load the word and shift: it has ${size} bits from bit ${offset} of the struct on`],
    });
    return undefined;
  }

  /** `sizeof(event)`, `be16(0x0800)`; undefined after a problem. */
  call(call: Call, here: Location, evaluate: (expr: Expr) => bigint | undefined): bigint | undefined {
    const { name, args } = call;
    if (name === 'sizeof') return this.#sizeOf(args, here);
    if (name === 'offsetof') return this.#offsetOf(args, here);
    if (name.startsWith('core.')) {
      this.#problems.error(call, 'bad-core', `'${name}(…)' must be all of its operand`, {
        help: ['the loader writes the value that fits the kernel into the instruction'],
      });
      return undefined;
    }
    const swap = SWAP.exec(name);
    if (swap) return this.#swapped(call, swap[1]!, Number(swap[2]), evaluate);
    this.#problems.error(call, 'unknown-function', `there is no function '${name}' of the assembler`, {
      help: this.#problems.suggest(name, [...FUNCTIONS]),
    });
    return undefined;
  }

  /** `offsetof(event.comm[2])`, `offsetof(ctx.cb[1])`, and as C writes it `offsetof(struct event, comm[2])`. */
  #offsetOf(args: RawText, here: Location): bigint | undefined {
    const text = args.text.replace(/^([^,]*),/, '$1.');
    if (text.startsWith(CONTEXT)) {
      const place = this.#place(this.contextField(text, args, here), args);
      return place && BigInt(place.offset);
    }
    const place = this.#place(fieldPlace(this.types, { text, base: args.start }), args);
    if (place && place.indexes.length > 0) return BigInt(place.offset);
    if (place) this.#problems.error(args, 'argument', "'offsetof' needs a field: 'offsetof(event.pid)'");
    return undefined;
  }

  #sizeOf(args: RawText, here: Location): bigint | undefined {
    if (args.text.startsWith(CONTEXT)) {
      const place = this.contextField(args.text, args, here);
      return place && BigInt(place.size);
    }
    if (args.text.startsWith('"')) return this.#sizeOfText(args);
    const extent = extentOfText(this.types, { text: args.text, base: args.start });
    return extent && BigInt(extent.size);
  }

  /** With the NUL behind it. */
  #sizeOfText({ text, start, end }: RawText): bigint | undefined {
    if (quotedEnd(text, 0) !== text.length) {
      this.#problems.error({ start, end }, 'syntax', `${text} is no string alone`);
      return undefined;
    }
    const bytes = stringBytes(text);
    if (bytes instanceof Uint8Array) return BigInt(bytes.length + 1);
    unknownEscape(this.#problems, { startOffset: start, image: text }, bytes.unknownEscape);
    return undefined;
  }

  /** The number whose bytes in memory are those of the value in the given order. */
  #swapped(
    { args }: Call,
    order: string,
    bits: number,
    evaluate: (expr: Expr) => bigint | undefined,
  ): bigint | undefined {
    if (this.#depth >= MAX_CALLS) {
      this.#problems.error(args, 'nested-too-deep', `calls can be nested ${MAX_CALLS} deep, not deeper`);
      return undefined;
    }
    this.#depth++;
    const expr = this.#expressionIn(args);
    const value = expr && evaluate(expr);
    this.#depth--;
    if (value === undefined) return undefined;
    if (value < -(2n ** BigInt(bits - 1)) || value >= 2n ** BigInt(bits)) {
      this.#problems.error(args, 'out-of-range', `${value} does not fit ${bits} bits`);
      return undefined;
    }
    if ((order === 'be') === (this.#endian === 'big')) return BigInt.asUintN(bits, value);
    let swapped = 0n;
    for (let at = 0n; at < bits; at += 8n) swapped = (swapped << 8n) | ((value >> at) & 0xffn);
    return swapped;
  }

  /** The value of `core.…(…)` in an instruction, which a loader is told to write anew. */
  core({ start, end }: Call, at: Location): CoreReference | undefined {
    const text = this.#problems.textOf({ start, end });
    const reference = parseCore(this.types, { text, base: start }, this.#endian);
    if (reference) this.cores.push({ at, reference });
    return reference;
  }
}

const FUNCTIONS = [
  ...['sizeof', 'offsetof', 'be16', 'be32', 'be64', 'le16', 'le32', 'le64'],
  ...CORE_WORDS.map((word) => `core.${word}`),
];
