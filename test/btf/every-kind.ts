import { BtfBuilder } from '../../src/btf/index.ts';

/** One or more types of every kind. */
export function everyKind(): BtfBuilder {
  const btf = new BtfBuilder();
  const int = btf.int('int', 4, { signed: true });
  const char = btf.int('char', 1, { char: true });
  btf.int('_Bool', 1, { bool: true });
  const long = btf.int('unsigned long', 8);
  const list = btf.nextId;
  btf.struct('list', 24, [
    { name: 'next', type: list + 1, offsetBits: 0 },
    { name: 'low', type: int, offsetBits: 64, bitSize: 3 },
    { name: 'high', type: int, offsetBits: 67, bitSize: 29 },
    { name: 'value', type: long, offsetBits: 128 },
  ]);
  btf.ptr(list);
  btf.array(char, int, 16);
  btf.union('either', 8, [
    { name: 'small', type: int, offsetBits: 0 },
    { name: 'large', type: long, offsetBits: 0 },
  ]);
  btf.enum('answer', { NO: 0, YES: 1 });
  btf.enum('signed_answer', { FAILED: -22, DONE: 0 });
  btf.enum64('huge', { FIRST: 1n, LAST: 0xffff_ffff_ffff_fffen });
  btf.enum64('low', { BOTTOM: -(2n ** 63n) });
  btf.forward('later');
  btf.forward('later_union', 'union');
  btf.typedef('u64', long);
  btf.volatile(btf.const(int));
  btf.restrict(btf.ptr(char));
  btf.typeTag('user', int);
  const proto = btf.funcProto(int, [
    { name: 'fmt', type: btf.ptr(char) },
    { name: '', type: 0 },
  ]);
  const func = btf.func('print', proto, 'global');
  btf.func('helper', btf.funcProto(0, []), 'static');
  btf.declTag('hot', func);
  btf.declTag('first', func, 0);
  const counter = btf.variable('counter', long, 'global');
  const hidden = btf.variable('hidden', int, 'static');
  btf.datasec('.data', 16, [
    { type: hidden, offset: 8, size: 4 },
    { type: counter, offset: 0, size: 8 },
  ]);
  btf.float('double', 8);
  return btf;
}
