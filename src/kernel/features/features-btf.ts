import { BtfBuilder, type BtfFeatures } from '../../btf/index.ts';
import { tryBtfLoad } from '../../syscall/bpf-prog.ts';
import { Errno } from '../../syscall/errno.ts';
import { Fd } from '../../syscall/fd.ts';
import { type FeatureAnswer, no, refusal, yes } from './features-answer.ts';

/** `int` stands for BTF itself, which is from Linux 4.18. */
export type BtfFeatureName = 'int' | keyof BtfFeatures;

type Make = (btf: BtfBuilder, int: number) => void;

function variable(btf: BtfBuilder, int: number): number {
  return btf.variable('x', int, 'static');
}

function section(name: string): Make {
  return (btf, int) => {
    btf.datasec(name, 4, [{ type: variable(btf, int), offset: 0, size: 4 }]);
  };
}

const MAKE: Readonly<Record<BtfFeatureName, Make>> = {
  int: () => {},
  func: (btf, int) => {
    btf.func('x', btf.funcProto(0, [{ name: 'a', type: int }]), 'static');
  },
  globalFunc: (btf, int) => {
    btf.func('x', btf.funcProto(0, [{ name: 'a', type: int }]), 'global');
  },
  datasec: section('.x'),
  questionMarkDatasec: section('?.x'),
  float: (btf) => {
    btf.float('float', 4);
  },
  declTag: (btf, int) => {
    btf.declTag('tag', variable(btf, int));
  },
  typeTag: (btf, int) => {
    btf.ptr(btf.typeTag('tag', int));
  },
  enum64: (btf) => {
    btf.enum64('x', { X: 1n });
  },
};

export const BTF_FEATURES: readonly BtfFeatureName[] = Object.keys(MAKE) as BtfFeatureName[];

/** @param ask answers for `int` */
export function probeBtf(name: BtfFeatureName, ask: (name: BtfFeatureName) => FeatureAnswer): FeatureAnswer {
  const plain = name === 'int' ? undefined : ask('int');
  if (plain && plain.state !== 'yes') return plain;
  const btf = new BtfBuilder();
  MAKE[name](btf, btf.int('int', 4, { signed: true }));
  const result = tryBtfLoad(btf.build('little'));
  if (result >= 0) {
    new Fd(result, 'types that ask what the kernel has').close();
    return yes('types with it load');
  }
  if (result === -Errno.EINVAL) return no('types with it do not load (EINVAL)', Errno.EINVAL);
  return refusal(-result);
}
