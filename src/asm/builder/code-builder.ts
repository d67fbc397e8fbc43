import type { InsnOperands } from '../../isa/codec.ts';
import { makeInsn } from '../../isa/codec.ts';
import { findInsn } from '../../isa/insn-table.ts';
import { TsbpfError } from '../../util/errors.ts';
import { didYouMean } from '../../util/suggest.ts';
import { helperIds } from '../assemble/constants.ts';
import type { FunctionBody, Reference } from './body.ts';
import type { Code, Condition, LoopLabels } from './code.ts';
import type { ContextName } from './context.ts';
import { contextAccess } from './context-access.ts';
import { type Field, isField } from './data-types.ts';
import type { ExternHandle, FunctionHandle, KfuncHandle, MapHandle, VariableHandle } from './handles.ts';
import type { Label, Offset } from './methods.ts';
import { MNEMONICS, OperandReader, readOperands } from './operands.ts';
import { callerOf, type Place } from './place.ts';
import { misuse } from './problems.ts';
import { isRegister, type Register, r1, r2, r3 } from './registers.ts';
import { comparison, memoryMnemonic, memoryOf, OPPOSITES } from './selection.ts';

/** What a function's builder needs to know of the object. */
export interface Surroundings {
  readonly places: boolean;
  /** Whether a handle was made by this object. */
  owns(handle: object): boolean;
}

const LDDW = findInsn('lddw')!;
const CALL_HELPER = findInsn('call')!;
const CALL_LOCAL = findInsn('call_local')!;
const CALL_KFUNC = findInsn('call_kfunc')!;
const TAIL_CALL = 'bpf_tail_call';

/** {@link Code}, but for the mnemonics' own methods, which are added below. */
class CodeBuilder {
  readonly #body: FunctionBody;
  readonly #around: Surroundings;
  readonly ctx: ReturnType<typeof contextAccess>;

  constructor(body: FunctionBody, around: Surroundings, context: ContextName | undefined) {
    this.#body = body;
    this.#around = around;
    this.ctx = contextAccess(this, context);
  }

  /** Where `method`, called by the user, was called. */
  caller(method: unknown): Place | undefined {
    if (this.#body.isClosed)
      throw misuse(
        'BUILDER_CLOSED',
        `${this.#body.title} is finished, nothing can be added to it`,
        'a builder is good within its own function only, and not behind an await',
      );
    return this.#around.places ? callerOf(method) : undefined;
  }

  emit(mnemonic: string, args: readonly unknown[], place: Place | undefined): this {
    const draft = readOperands(this.#body, mnemonic, args, place);
    if (draft) this.#body.add(draft, place);
    return this;
  }

  reader(method: string, place: Place | undefined): OperandReader {
    return new OperandReader(this.#body, method, place);
  }

  insn(name: string, operands: InsnOperands = {}): this {
    const place = this.caller(this.insn);
    try {
      const { def, dst, src, off, imm, nextImm } = makeInsn(name, operands);
      this.#body.add({ def, dst, src, off, imm, nextImm }, place);
    } catch (error) {
      if (!(error instanceof TsbpfError)) throw error;
      this.#body.error('bad-operand', error.message, place);
    }
    return this;
  }

  call(target: string | number | FunctionHandle | KfuncHandle): this {
    const place = this.caller(this.call);
    if (typeof target === 'object') this.#callHandle(target, place);
    else this.#callHelper(target, place);
    return this;
  }

  #callHandle(target: FunctionHandle | KfuncHandle, place: Place | undefined): void {
    if (!this.#isOwn('call', target, ['function', 'kfunc'], place)) return;
    const { name } = target;
    if (target.kind === 'kfunc')
      this.#body.add({ def: CALL_KFUNC, reference: { kind: 'extern', name } }, place);
    else this.#body.add({ def: CALL_LOCAL, imm: -1, reference: { kind: 'call', target: name } }, place);
  }

  #callHelper(target: string | number, place: Place | undefined): void {
    const reader = this.reader('call', place);
    if (typeof target === 'number') {
      const imm = reader.immediate(target, false, []);
      if (imm !== undefined) this.#body.add({ def: CALL_HELPER, imm }, place);
      return;
    }
    const imm = helperIds().get(target);
    if (imm !== undefined) this.#body.add({ def: CALL_HELPER, imm }, place);
    else
      this.#body.error('unknown-helper', `there is no helper named '${target}'`, place, {
        help: didYouMean(target, helperIds().keys()),
      });
  }

  load(...args: unknown[]): this {
    return this.loadAt(args, this.caller(this.load));
  }

  loadAt(args: readonly unknown[], place: Place | undefined): this {
    const [type, dst, base, offset] = isRegister(args[0]) ? fieldFirst(args) : args;
    const { size, signed, name } = memoryOf(type);
    const kinds = signed && size < 8 ? ['ldsx'] : ['ldx'];
    const mnemonic = memoryMnemonic(kinds, size);
    if (mnemonic === undefined) this.#wrongSize('load', name, size, place);
    else this.emit(mnemonic, [dst, base, offset], place);
    return this;
  }

  store(...args: unknown[]): this {
    return this.storeAt(args, this.caller(this.store));
  }

  storeAt(args: readonly unknown[], place: Place | undefined): this {
    const [type, base, offset, value] = isRegister(args[0])
      ? [(args[1] as Field<unknown>).type, args[0], args[1], args[2]]
      : args;
    const { size, name } = memoryOf(type);
    const mnemonic = memoryMnemonic([isRegister(value) ? 'stx' : 'st'], size);
    if (mnemonic === undefined) this.#wrongSize('store', name, size, place);
    else this.emit(mnemonic, [base, offset, value], place);
    return this;
  }

  #wrongSize(method: string, name: string, size: number, place: Place | undefined): void {
    this.#body.error(
      'wrong-size',
      `${method}: ${name} has ${size} bytes, an instruction moves 1, 2, 4 or 8`,
      place,
      {
        help: ["name the type of what is wanted of it: p.load('u32', dst, base, field)"],
      },
    );
  }

  address(dst: Register, base: Register, offset: Offset): this {
    const place = this.caller(this.address);
    if (dst !== base) this.emit('mov', [dst, base], place);
    return this.emit('add', [dst, isField(offset) ? offset.offset : offset], place);
  }

  loadMap(dst: Register, map: MapHandle): this {
    const place = this.caller(this.loadMap);
    return this.#loadMapAt('loadMap', dst, map, place);
  }

  #loadMapAt(method: string, dst: Register, map: MapHandle, place: Place | undefined): this {
    if (!this.#isOwn(method, map, ['map'], place)) return this;
    return this.#wide(method, dst, { kind: 'map', map: map.name }, 0, place);
  }

  loadMapValue(dst: Register, of: VariableHandle | MapHandle, offset = 0): this {
    const place = this.caller(this.loadMapValue);
    return this.#loadMapValueAt('loadMapValue', dst, of, offset, place);
  }

  #loadMapValueAt(
    method: string,
    dst: Register,
    of: VariableHandle | MapHandle,
    offset: number,
    place: Place | undefined,
  ): this {
    if (!this.#isOwn(method, of, ['variable', 'map'], place)) return this;
    const at = this.reader(method, place).immediate(offset, true);
    if (at === undefined) return this;
    const [map, start] = of.kind === 'variable' ? [of.map, of.offset + at] : [of.name, at];
    return this.#wide(method, dst, { kind: 'mapValue', map, offset: start }, start, place);
  }

  loadVariable(dst: Register, variable: VariableHandle): this {
    const place = this.caller(this.loadVariable);
    if (!this.#isOwn('loadVariable', variable, ['variable'], place)) return this;
    this.#loadMapValueAt('loadVariable', dst, variable, 0, place);
    return this.loadAt([variable.type, dst, dst, 0], place);
  }

  storeVariable(variable: VariableHandle, value: unknown, via: Register): this {
    const place = this.caller(this.storeVariable);
    if (!this.#isOwn('storeVariable', variable, ['variable'], place)) return this;
    this.#loadMapValueAt('storeVariable', via, variable, 0, place);
    return this.storeAt([variable.type, via, 0, value], place);
  }

  loadFunction(dst: Register, fn: FunctionHandle): this {
    const place = this.caller(this.loadFunction);
    if (!this.#isOwn('loadFunction', fn, ['function'], place)) return this;
    return this.#wide('loadFunction', dst, { kind: 'functionAddress', target: fn.name }, 0, place);
  }

  loadExtern(dst: Register, extern: ExternHandle): this {
    const place = this.caller(this.loadExtern);
    if (!this.#isOwn('loadExtern', extern, ['ksym', 'kconfig'], place)) return this;
    return this.#wide('loadExtern', dst, { kind: 'extern', name: extern.name }, 0, place);
  }

  #wide(method: string, to: Register, reference: Reference, imm: number, place: Place | undefined): this {
    const dst = this.reader(method, place).whole(to, 'the destination');
    if (dst !== undefined) this.#body.add({ def: LDDW, dst, imm, reference }, place);
    return this;
  }

  /** The index goes first: it may be in any register that the other two arguments take. */
  tailCall(programs: MapHandle, index: unknown, ctx: Register = r1): this {
    const place = this.caller(this.tailCall);
    if (!this.#isOwn('tailCall', programs, ['map'], place)) return this;
    if (programs.type !== 'prog_array')
      this.#body.error(
        'not-a-prog-array',
        `tailCall: map '${programs.name}' is of type ${programs.type}`,
        place,
        {
          help: ["tail calls go through a map of type 'prog_array'"],
        },
      );
    if (ctx.index === r3.index)
      this.#body.error('register-taken', 'tailCall: the context is in r3, where the index goes', place, {
        help: ['keep the context in r6 to r9'],
      });
    if (!isRegister(index) || index.index !== r3.index) this.emit('mov', [r3, index], place);
    if (ctx.index !== r1.index) this.emit('mov', [r1, ctx], place);
    this.#loadMapAt('tailCall', r2, programs, place);
    this.#callHelper(TAIL_CALL, place);
    return this;
  }

  #isOwn(method: string, handle: unknown, kinds: readonly string[], place: Place | undefined): boolean {
    const { kind, name } = (handle ?? {}) as { readonly kind?: string; readonly name?: string };
    if (kind === undefined || !kinds.includes(kind))
      this.#body.error(
        'wrong-kind',
        `${method}: expected a ${kinds.join(' or ')}, but got ${kind ? `the ${kind} '${name}'` : String(handle)}`,
        place,
      );
    else if (this.#around.owns(handle as object)) return true;
    else
      this.#body.error('foreign-handle', `${method}: ${kind} '${name}' belongs to another object`, place, {
        help: ['declare it on the object that this function is part of'],
      });
    return false;
  }

  label(name?: string): Label {
    return this.#body.label(name, this.caller(this.label));
  }

  bind(label: Label): this {
    this.#body.bind(label, this.caller(this.bind));
    return this;
  }

  here(name?: string): Label {
    const place = this.caller(this.here);
    const label = this.#body.label(name, place);
    this.#body.bind(label, place);
    return label;
  }

  /** Jumps to `target` where the condition does not hold. */
  #unless([left, op, right]: Condition, target: Label, place: Place | undefined): void {
    const opposite = OPPOSITES.get(op);
    if (opposite !== undefined) {
      this.emit(comparison(opposite)!, [left, right, target], place);
      return;
    }
    const mnemonic = comparison(op);
    if (mnemonic === undefined) {
      this.#body.error('unknown-operator', `there is no comparison '${op}'`, place, {
        help: ['the comparisons are == != > >= < <= s> s>= s< s<= &'],
      });
      return;
    }
    const holds = this.#body.label(undefined, place);
    this.emit(mnemonic, [left, right, holds], place);
    this.emit('ja', [target], place);
    this.#body.bind(holds, place);
  }

  if(condition: Condition, then: () => void, otherwise?: () => void): this {
    const place = this.caller(this.if);
    const not = this.#body.label('the else of this if', place);
    this.#unless(condition, not, place);
    then();
    if (!otherwise) {
      this.#body.bind(not, place);
      return this;
    }
    const end = this.#body.label('the end of this if', place);
    // The kernel refuses instructions that nothing leads to.
    if (this.#body.isReachable) this.emit('ja', [end], place);
    this.#body.bind(not, place);
    otherwise();
    if (this.#body.isUsed(end)) this.#body.bind(end, place);
    return this;
  }

  while(condition: Condition, body: (loop: LoopLabels) => void): this {
    return this.#loop(body, this.caller(this.while), condition);
  }

  loop(body: (loop: LoopLabels) => void): this {
    return this.#loop(body, this.caller(this.loop));
  }

  #loop(body: (loop: LoopLabels) => void, place: Place | undefined, condition?: Condition): this {
    const next = this.#body.label('the start of this loop', place);
    const end = this.#body.label('the end of this loop', place);
    this.#body.bind(next, place);
    if (condition) this.#unless(condition, end, place);
    body(Object.freeze({ next, end }));
    if (this.#body.isReachable) this.emit('ja', [next], place);
    // A label that nothing jumps to would make what follows look reachable.
    if (this.#body.isUsed(end)) this.#body.bind(end, place);
    return this;
  }
}

function fieldFirst([dst, base, field]: readonly unknown[]): unknown[] {
  return [(field as Field<unknown>).type, dst, base, field];
}

/** A method for each mnemonic of the table; the name of the row is the name of the method. */
for (const mnemonic of MNEMONICS.keys()) {
  if (mnemonic in CodeBuilder.prototype) throw new Error(`'${mnemonic}' is a method of its own already`);
  const method = function (this: CodeBuilder, ...args: unknown[]): CodeBuilder {
    return this.emit(mnemonic, args, this.caller(method));
  };
  Object.defineProperty(CodeBuilder.prototype, mnemonic, { value: method });
}

/** A builder of one function's code. */
export function codeOf<C>(
  body: FunctionBody,
  around: Surroundings,
  context: ContextName | undefined,
): Code<C> {
  return new CodeBuilder(body, around, context) as unknown as Code<C>;
}
