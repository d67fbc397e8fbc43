import { decodeCString, encodeText } from '../util/bytes.ts';
import { bpf, pointer, present } from './bpf.ts';
import { btfLoadAttr, progLoadAttr, progTestRunAttr } from './bpf-attr.ts';
import { TOKEN_FD } from './bpf-token.ts';
import { Errno } from './errno.ts';

/** Records of `.BTF.ext` as the kernel takes them. */
export interface ProgBtfParams {
  readonly fd: number;
  readonly funcInfo: Uint8Array;
  readonly funcInfoRecordSize: number;
  readonly lineInfo: Uint8Array;
  readonly lineInfoRecordSize: number;
}

/** BPF_F_XDP_DEV_BOUND_ONLY (Linux 6.3, `include/uapi/linux/bpf.h`): for the driver of `ifindex`, and not for the card. */
export const XDP_DEV_BOUND_ONLY: number = 1 << 6;

/** What BPF_PROG_LOAD is given. */
export interface ProgLoadParams {
  readonly name: string;
  readonly type: number;
  /** Slots of 8 bytes. */
  readonly code: Uint8Array;
  readonly license: string;
  readonly flags?: number;
  readonly expectedAttachType?: number;
  /** Tracing, LSM and freplace: the target's number among types. */
  readonly attachBtfId?: number | undefined;
  /** Where that number counts: a program, or a module's types; left out, the kernel's. */
  readonly attachObjectFd?: number | undefined;
  readonly kernelVersion?: number;
  readonly btf?: ProgBtfParams | undefined;
  /** Descriptors that instructions refer to by their place in it. */
  readonly fdArray?: Uint8Array | undefined;
  readonly tokenFd?: number | undefined;
  /** The interface that it is for, in the network namespace of the calling thread; 0 or left out for any. */
  readonly ifindex?: number | undefined;
  readonly log?: { readonly level: number; readonly buffer: Uint8Array } | undefined;
}

export interface ProgLoadResult {
  /** The descriptor, or minus the errno. */
  readonly result: number;
  /** Bytes that the whole log needs, its NUL included; 0 from kernels before 6.4. */
  readonly logTrueSize: number;
}

/** A signal in the middle of a long verification answers EAGAIN; so often is it tried again. */
const PROG_LOAD_ATTEMPTS = 5;

/** BPF_PROG_LOAD. */
export function tryProgLoad(params: ProgLoadParams): ProgLoadResult {
  const license = encodeText(`${params.license}\0`);
  const { btf, log } = params;
  const attr = progLoadAttr.encode({
    prog_type: params.type,
    insn_cnt: params.code.length / 8,
    insns: pointer(params.code),
    license: pointer(license),
    log_level: log?.level ?? 0,
    log_size: log?.buffer.length ?? 0,
    log_buf: pointer(log?.buffer),
    kern_version: params.kernelVersion ?? 0,
    prog_flags: ((params.flags ?? 0) | (params.tokenFd === undefined ? 0 : TOKEN_FD)) >>> 0,
    prog_name: params.name,
    prog_ifindex: params.ifindex ?? 0,
    expected_attach_type: params.expectedAttachType ?? 0,
    attach_btf_id: params.attachBtfId ?? 0,
    attach_prog_fd: params.attachObjectFd ?? 0,
    fd_array: pointer(params.fdArray),
    prog_token_fd: params.tokenFd ?? 0,
    ...(btf && progBtfMembers(btf)),
  });
  const held = present(params.code, license, log?.buffer, params.fdArray, btf?.funcInfo, btf?.lineInfo);
  let result = bpf('PROG_LOAD', { attr, held });
  for (let attempt = 1; result === -Errno.EAGAIN && attempt < PROG_LOAD_ATTEMPTS; attempt++) {
    result = bpf('PROG_LOAD', { attr, held });
  }
  return { result, logTrueSize: progLoadAttr.decode(attr).log_true_size };
}

function progBtfMembers(btf: ProgBtfParams): Parameters<typeof progLoadAttr.encode>[0] {
  const count = (bytes: Uint8Array, size: number): number => (size > 0 ? bytes.length / size : 0);
  return {
    prog_btf_fd: btf.fd,
    func_info_rec_size: btf.funcInfoRecordSize,
    func_info: pointer(btf.funcInfo),
    func_info_cnt: count(btf.funcInfo, btf.funcInfoRecordSize),
    line_info_rec_size: btf.lineInfoRecordSize,
    line_info: pointer(btf.lineInfo),
    line_info_cnt: count(btf.lineInfo, btf.lineInfoRecordSize),
  };
}

export interface TestRunParams {
  readonly fd: number;
  readonly data?: Uint8Array | undefined;
  /** Where the packet comes back; its length is how much of it there is room for. */
  readonly dataOut?: Uint8Array | undefined;
  readonly ctx?: Uint8Array | undefined;
  readonly ctxOut?: Uint8Array | undefined;
  readonly repeat?: number;
  readonly flags?: number;
  readonly cpu?: number;
  readonly batchSize?: number;
}

export interface TestRunOutcome {
  /** 0, or minus the errno. */
  readonly result: number;
  /** As the program left it, unsigned. */
  readonly retval: number;
  readonly dataSizeOut: number;
  readonly ctxSizeOut: number;
  /** Mean over the repetitions. */
  readonly durationNs: number;
}

/** BPF_PROG_TEST_RUN. */
export function tryProgTestRun(params: TestRunParams): TestRunOutcome {
  const { data, dataOut, ctx, ctxOut } = params;
  const attr = progTestRunAttr.encode({
    prog_fd: params.fd,
    data_size_in: data?.length ?? 0,
    data_size_out: dataOut?.length ?? 0,
    data_in: pointer(data),
    data_out: pointer(dataOut),
    repeat: params.repeat ?? 0,
    ctx_size_in: ctx?.length ?? 0,
    ctx_size_out: ctxOut?.length ?? 0,
    ctx_in: pointer(ctx),
    ctx_out: pointer(ctxOut),
    flags: params.flags ?? 0,
    cpu: params.cpu ?? 0,
    batch_size: params.batchSize ?? 0,
  });
  const result = bpf('PROG_TEST_RUN', { attr, held: present(data, dataOut, ctx, ctxOut) });
  const out = progTestRunAttr.decode(attr);
  return {
    result,
    retval: out.retval,
    dataSizeOut: out.data_size_out,
    ctxSizeOut: out.ctx_size_out,
    durationNs: out.duration,
  };
}

/** BPF_BTF_LOAD. @returns the descriptor, or minus the errno */
export function tryBtfLoad(btf: Uint8Array, log?: Uint8Array, tokenFd?: number): number {
  const attr = btfLoadAttr.encode({
    btf: pointer(btf),
    btf_size: btf.length,
    btf_log_buf: pointer(log),
    btf_log_size: log?.length ?? 0,
    btf_log_level: log ? 1 : 0,
    btf_flags: tokenFd === undefined ? 0 : TOKEN_FD,
    btf_token_fd: tokenFd ?? 0,
  });
  return bpf('BTF_LOAD', { attr, held: present(btf, log) });
}

/** The text in a log buffer that the kernel filled. */
export function logText(buffer: Uint8Array): string {
  return decodeCString(buffer).trimEnd();
}
