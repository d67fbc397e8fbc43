import { RingMemory } from '../src/kernel/ring-memory.ts';
import { mapMemory } from '../src/syscall/mapping.ts';
import { produce, ringPrograms } from '../test/support/readers.ts';

const N = 600000;
const S = 1 << 24;
using c = ringPrograms(S);
const fd = c.map('events').fd.number;
const cons = mapMemory({ fd, length: 4096, writable: true, what: 'x' });
const rest = mapMemory({ fd, length: 4096 + 2 * S, offset: 4096, what: 'x' });
const data = rest.bytes.subarray(4096);
const words = new Int32Array(data.buffer, data.byteOffset, data.length >>> 2);
const prod = new Int32Array(rest.bytes.buffer, rest.bytes.byteOffset, 2);
const cq = new BigInt64Array(cons.bytes.buffer, cons.bytes.byteOffset, 1);
function floor(pos: number, end: number) {
  let s = 0;
  const mask = S - 1;
  while (pos !== end) {
    const at = pos & mask;
    const h = words[at >>> 2]!;
    if (h < 0) break;
    s = (s + words[(at >>> 2) + 2]!) | 0;
    pos = (pos + ((h + 15) & 0x3ffffff8)) | 0;
  }
  return s;
}
const mem = new RingMemory({ consumer: cons.bytes, producer: rest.bytes.subarray(0, 4096), data }, 0);
let sum = 0;
const out: Record<string, string[]> = { floor: [], mem: [] };
for (let k = 0; k < 15; k++) {
  produce(c, N);
  const start = Number(BigInt.asIntN(32, cq[0]!));
  let t = process.hrtime.bigint();
  sum ^= floor(start, prod[0]!);
  out.floor!.push((Number(process.hrtime.bigint() - t) / N).toFixed(2));
  t = process.hrtime.bigint();
  mem.consume(
    (v) => {
      sum = (sum + v.u32(0)) | 0;
    },
    2 ** 31 - 1,
  );
  out.mem!.push((Number(process.hrtime.bigint() - t) / N).toFixed(2));
}
for (const k in out) console.log(k, out[k]!.join(' '));
class V {
  #s = 0;
  #l = 0;
  #w: Int32Array;
  constructor(w: Int32Array) {
    this.#w = w;
  }
  place(a: number, b: number) {
    this.#s = a;
    this.#l = b;
  }
  u32(o: number) {
    if (o < 0 || o + 4 > this.#l) throw new Error('x');
    const at = this.#s + o;
    return this.#w[at >>> 2]! >>> 0;
  }
}
class W {
  s = 0;
  l = 0;
  w: Int32Array;
  constructor(w: Int32Array) {
    this.w = w;
  }
  place(a: number, b: number) {
    this.s = a;
    this.l = b;
  }
  u32(o: number) {
    if (o < 0 || o + 4 > this.l) throw new Error('x');
    const at = this.s + o;
    return this.w[at >>> 2]! >>> 0;
  }
}
function a1(pos: number, end: number, v: V, cb: (v: V) => void) {
  const mask = S - 1;
  let n = 0;
  while (pos !== end) {
    const at = pos & mask;
    const h = words[at >>> 2]!;
    if (h < 0) break;
    pos = (pos + ((h + 15) & 0x3ffffff8)) | 0;
    v.place(at + 8, h);
    cb(v);
    n++;
  }
  return n;
}
function a2(pos: number, end: number, v: W, cb: (v: W) => void) {
  const mask = S - 1;
  let n = 0;
  while (pos !== end) {
    const at = pos & mask;
    const h = words[at >>> 2]!;
    if (h < 0) break;
    pos = (pos + ((h + 15) & 0x3ffffff8)) | 0;
    v.place(at + 8, h);
    cb(v);
    n++;
  }
  return n;
}
class P {
  p = 0;
  x = 0;
}
const holder = new P();
function a3(pos: number, end: number, v: W, cb: (v: W) => void) {
  const mask = S - 1;
  let n = 0;
  while (pos !== end) {
    const at = pos & mask;
    const h = words[at >>> 2]!;
    if (h < 0) break;
    pos = (pos + ((h + 15) & 0x3ffffff8)) | 0;
    holder.p = pos;
    v.place(at + 8, h);
    cb(v);
    n++;
    if (holder.p !== pos) break;
  }
  return n;
}
function a4(pos: number, end: number, cb: (w: Int32Array, i: number, l: number) => void) {
  const mask = S - 1;
  let n = 0;
  while (pos !== end) {
    const at = pos & mask;
    const h = words[at >>> 2]!;
    if (h < 0) break;
    pos = (pos + ((h + 15) & 0x3ffffff8)) | 0;
    holder.p = pos;
    cb(words, (at >>> 2) + 2, h);
    n++;
    if (holder.p !== pos) break;
  }
  return n;
}
function a6(pos: number, end: number, v: W, cb: (v: W) => void) {
  const mask = S - 1;
  let n = 0;
  const often = S >>> 3;
  let pub = pos;
  try {
    while (pos !== end && n < 2e9) {
      const at = pos & mask;
      const h = words[at >>> 2]!;
      if (h < 0) break;
      pos = (pos + ((h + 15) & 0x3ffffff8)) | 0;
      if ((h & (1 << 30)) === 0) {
        v.place(at + 8, h);
        n++;
        cb(v);
        if (holder.x !== 0) break;
      } else holder.p++;
      if (((pos - pub) | 0) > often) {
        holder.p = pos;
        pub = pos;
      }
    }
  } finally {
    holder.p = pos;
  }
  return n;
}
class M {
  #pos = 0;
  #stopped = false;
  #words = words;
  n = 0;
  set(p: number) {
    this.#pos = p;
  }
  walk(end: number, v: V, cb: (v: V) => void, limit: number) {
    const words = this.#words;
    const mask = S - 1;
    let n = 0;
    let pos = this.#pos;
    while (pos !== end && n < limit) {
      const at = pos & mask;
      const h = words[at >>> 2]!;
      if (h < 0) break;
      pos = (pos + ((h + 15) & 0x3ffffff8)) | 0;
      this.#pos = pos;
      v.place(at + 8, h);
      n++;
      cb(v);
      if (this.#pos !== pos) {
        if (this.#stopped) break;
        pos = this.#pos;
      }
    }
    return n;
  }
}
class M2 extends M {
  #pos = 0;
  #stopped = false;
  #words = words;
  n2 = 0;
  #pub = 0;
  set(p: number) {
    this.#pos = p;
  }
  pp() {
    this.#pub = this.#pos;
  }
  walk(end: number, v: V, cb: (v: V) => void, limit: number) {
    const words = this.#words;
    const mask = S - 1;
    let n = 0;
    let pos = this.#pos;
    let pub = pos;
    while (pos !== end && n < limit) {
      const at = pos & mask;
      const h = words[at >>> 2]!;
      if (h < 0) break;
      pos = (pos + ((h + 15) & 0x3ffffff8)) | 0;
      this.#pos = pos;
      if ((h & (1 << 30)) === 0) {
        v.place(at + 8, h);
        n++;
        cb(v);
        if (this.#pos !== pos) {
          if (this.#stopped) break;
          pos = this.#pos;
        }
      } else this.n2++;
      if (((pos - pub) | 0) > S / 8) {
        this.pp();
        pub = pos;
      }
    }
    return n;
  }
}
const m1 = new M(),
  m2 = new M2();
const vv = new V(words),
  ww = new W(words);
let s2 = 0;
const box = { v: 0 };
const o2: Record<string, string[]> = { a1: [], a2: [], a3: [], a4: [], a6: [], m1: [], m2: [] };
for (let k = 0; k < 12; k++) {
  produce(c, N);
  const start = Number(BigInt.asIntN(32, cq[0]!));
  const T = (n: string, f: () => void) => {
    const t = process.hrtime.bigint();
    f();
    o2[n]!.push((Number(process.hrtime.bigint() - t) / N).toFixed(2));
  };
  T('a1', () =>
    a1(start, prod[0]!, vv, (v) => {
      s2 = (s2 + v.u32(0)) | 0;
    }),
  );
  T('a2', () =>
    a2(start, prod[0]!, ww, (v) => {
      s2 = (s2 + v.u32(0)) | 0;
    }),
  );
  T('a3', () =>
    a3(start, prod[0]!, ww, (v) => {
      s2 = (s2 + v.u32(0)) | 0;
    }),
  );
  T('a4', () =>
    a4(start, prod[0]!, (w, i) => {
      s2 = (s2 + w[i]!) | 0;
    }),
  );
  T('a6', () =>
    a6(start, prod[0]!, ww, (v) => {
      s2 = (s2 + v.u32(0)) | 0;
    }),
  );
  m1.set(start);
  T('m1', () =>
    m1.walk(
      prod[0]!,
      vv,
      (v) => {
        s2 = (s2 + v.u32(0)) | 0;
      },
      2 ** 31 - 1,
    ),
  );
  m2.set(start);
  T('m2', () =>
    m2.walk(
      prod[0]!,
      vv,
      (v) => {
        s2 = (s2 + v.u32(0)) | 0;
      },
      2 ** 31 - 1,
    ),
  );
  mem.consume(() => {}, 2 ** 31 - 1);
}
for (const k in o2) console.log(k, o2[k]!.join(' '));
