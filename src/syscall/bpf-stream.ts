import { type Struct, struct, u32, u64 } from '../util/struct.ts';
import { bpf, pointer } from './bpf.ts';

export const streamReadAttr: Struct<{
  stream_buf: typeof u64;
  stream_buf_len: typeof u32;
  stream_id: typeof u32;
  prog_fd: typeof u32;
}> = struct('bpf_attr.prog_stream_read', {
  stream_buf: u64,
  stream_buf_len: u32,
  stream_id: u32,
  prog_fd: u32,
});

/**
 * BPF_PROG_STREAM_READ_BY_FD (Linux 6.17): takes text out of a program's stream.
 *
 * @param streamId 1 for stdout, 2 for stderr
 * @returns how many bytes were written to `buffer`, 0 where the stream is empty, or minus the errno
 */
export function tryStreamRead(progFd: number, streamId: number, buffer: Uint8Array): number {
  const attr = streamReadAttr.encode({
    stream_buf: pointer(buffer),
    stream_buf_len: buffer.length,
    stream_id: streamId,
    prog_fd: progFd,
  });
  return bpf('PROG_STREAM_READ_BY_FD', { attr, held: [buffer] });
}
