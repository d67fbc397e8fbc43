import { describe, expect, test } from 'vitest';
import { ProgramStream } from '../../src/kernel/read/stream.ts';
import { streamReadAttr } from '../../src/syscall/bpf-stream.ts';
import { Errno } from '../../src/syscall/errno.ts';
import { Fd } from '../../src/syscall/fd.ts';
import { encodeText } from '../../src/util/bytes.ts';
import { type Answer, useFakeNative } from '../support/fake-native.ts';
import { errorOf } from '../support/kernel.ts';

/** Writes bytes into the buffer that the attr points to. */
const gives =
  (bytes: Uint8Array): Answer =>
  (call, memory) => {
    const { stream_buf } = streamReadAttr.decode(memory.bpf(call).attr);
    memory.at(stream_buf).set(bytes);
    return bytes.length;
  };

describe('the stream of a program', () => {
  const fake = useFakeNative();

  test('is asked for by its number', () => {
    const stream = new ProgramStream(new Fd(5, "program 'p'"), 'stderr');
    fake().answer(0);
    expect(stream.read()).toBe('');
    const { command, attr } = fake().bpf(fake().calls[0]!);
    expect(command).toBe('PROG_STREAM_READ_BY_FD');
    expect(streamReadAttr.decode(attr)).toMatchObject({ stream_buf_len: 100_000, stream_id: 2, prog_fd: 5 });
    expect(attr.length).toBe(24);
  });

  test('is read to its end, letters in one piece', () => {
    const text = encodeText('für\n');
    fake().answer(gives(text.subarray(0, 2)), gives(text.subarray(2)), 0);
    expect(new ProgramStream(new Fd(5, "program 'p'"), 'stdout').read()).toBe('für\n');
  });

  test('is cut into lines, waited for, and ends with its program', async () => {
    const fd = new Fd(5, "program 'p'");
    const stream = new ProgramStream(fd, 'stdout');
    fake().answer(
      gives(encodeText('one\ntw')),
      0,
      gives(encodeText('o\n')),
      gives(encodeText('rest')),
      () => {
        fd.close();
        return 0;
      },
    );
    const lines: string[] = [];
    for await (const line of stream.lines({ intervalMs: 1 })) lines.push(line);
    expect(lines).toEqual(['one', 'two', 'rest']);
  });

  test('is missed in words', () => {
    const stream = new ProgramStream(new Fd(5, "program 'p'"), 'stdout');
    fake().answer(-Errno.EINVAL, -Errno.EBADF);
    const error = errorOf(() => stream.read());
    expect(`${error.message} [${error.hint}]`).toMatchInlineSnapshot(
      `"cannot read stdout of program 'p': programs have no streams in this kernel (EINVAL) [they came with Linux 6.17; bpf_printk and TracePipe serve on every kernel]"`,
    );
    expect(errorOf(() => stream.read()).message).toMatchInlineSnapshot(
      `"cannot read stdout of program 'p': not an open file descriptor (EBADF)"`,
    );
  });
});
