import { expect, test } from 'vitest';
import { assembleOrThrow } from '../../src/asm/index.ts';
import type { BtfFunc, BtfFuncProto } from '../../src/btf/index.ts';
import { KFUNCS } from '../../src/isa/kfuncs.generated.ts';
import { collect } from '../../src/object/index.ts';

test('every function of the kernel that is known can be called by its name alone', () => {
  const names = Object.keys(KFUNCS);
  const calls = names.map((name) => `    call ${name}\n`).join('');
  const text = `    .license "GPL"\n    .program all, "xdp"\n${calls}    r0 = 0\n    exit\n`;
  const { btf, externs } = collect(assembleOrThrow(text).object);
  const wrong = names.filter((name) => {
    const func = btf!.type(externs.get(name)!.type!) as BtfFunc;
    const proto = btf!.type(func.type) as BtfFuncProto;
    return proto.params.length !== KFUNCS[name]!.params.length;
  });
  // Those take a function whose type has a name.
  expect(wrong).toEqual(['bpf_task_work_schedule_resume_impl', 'bpf_task_work_schedule_signal_impl']);
});
