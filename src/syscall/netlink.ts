import { concatBytes, decodeCString, viewOf } from '../util/bytes.ts';
import { ByteReader } from '../util/reader.ts';
import { type Struct, s32, struct, u16, u32 } from '../util/struct.ts';

// Netlink's framing (Linux, `include/uapi/linux/netlink.h`; man 7 netlink). Everything is padded to 4.
//
//   nlmsghdr                                   nlattr
//   ┌────────┬──────┬───────┬─────┬─────┐      ┌─────┬──────┬─────────┬─────┐
//   │ len 32 │ type │ flags │ seq │ pid │ …    │ len │ type │ payload │ pad │
//   └────────┴──────┴───────┴─────┴─────┘      └─────┴──────┴─────────┴─────┘

export const nlmsghdr: Struct<{
  len: typeof u32;
  type: typeof u16;
  flags: typeof u16;
  seq: typeof u32;
  pid: typeof u32;
}> = struct('nlmsghdr', { len: u32, type: u16, flags: u16, seq: u32, pid: u32 });

export const NetlinkType = { NOOP: 1, ERROR: 2, DONE: 3 } as const;

export const NetlinkFlag = {
  REQUEST: 0x1,
  MULTI: 0x2,
  ACK: 0x4,
  DUMP: 0x300,
  EXCL: 0x200,
  CREATE: 0x400,
  /** On an error: the request is not quoted behind it. */
  CAPPED: 0x100,
  /** On an error: attributes follow. */
  ACK_TLVS: 0x200,
} as const;

/** Attribute types carry two flag bits: NLA_F_NESTED and NLA_F_NET_BYTEORDER. */
const NLA_F_NESTED = 0x8000;
const NLA_TYPE_MASK = 0x3fff;
const NLA_HEADER_SIZE = 4;

const align4 = (length: number): number => (length + 3) & ~3;

/** One message as it came. */
export interface NetlinkMessage {
  readonly type: number;
  readonly flags: number;
  readonly seq: number;
  readonly pid: number;
  readonly payload: Uint8Array;
}

/** Attributes by type; of several with one type the last counts, as in the kernel's parser. */
export type NetlinkAttributes = ReadonlyMap<number, Uint8Array>;

/** A request: header and payload. */
export function buildMessage(type: number, flags: number, seq: number, payload: Uint8Array): Uint8Array {
  const header = nlmsghdr.encode({ len: nlmsghdr.size + payload.length, type, flags, seq });
  return concatBytes([header, payload]);
}

/** One attribute, padded. A nested one is the concatenation of others, with `nested`. */
export function attribute(type: number, payload: Uint8Array, nested = false): Uint8Array {
  const out = new Uint8Array(align4(NLA_HEADER_SIZE + payload.length));
  const view = viewOf(out);
  view.setUint16(0, NLA_HEADER_SIZE + payload.length, true);
  view.setUint16(2, nested ? type | NLA_F_NESTED : type, true);
  out.set(payload, NLA_HEADER_SIZE);
  return out;
}

export function nested(type: number, ...attributes: Uint8Array[]): Uint8Array {
  return attribute(type, concatBytes(attributes), true);
}

/** An attribute of one u32. */
export function u32Attribute(type: number, value: number): Uint8Array {
  const payload = new Uint8Array(4);
  u32.write(viewOf(payload), 0, value, true, `attribute ${type}`);
  return attribute(type, payload);
}

/** An attribute of one s32, as descriptors are. */
export function s32Attribute(type: number, value: number): Uint8Array {
  const payload = new Uint8Array(4);
  s32.write(viewOf(payload), 0, value, true, `attribute ${type}`);
  return attribute(type, payload);
}

/** An attribute of text with its NUL. */
export function stringAttribute(type: number, text: string): Uint8Array {
  return attribute(type, new TextEncoder().encode(`${text}\0`));
}

/**
 * Cuts what recv(2) brought into messages.
 *
 * @throws {FormatError} with the path of the field that was wrong
 */
export function parseMessages(bytes: Uint8Array): NetlinkMessage[] {
  const reader = new ByteReader(bytes, 'little', 'netlink');
  const messages: NetlinkMessage[] = [];
  for (let at = 0; at < bytes.length; ) {
    const where = `messages/${messages.length}`;
    reader.need(at, nlmsghdr.size, `${where}/nlmsg_len`);
    const { len, type, flags, seq, pid } = nlmsghdr.decode(bytes, 'little', at);
    if (len < nlmsghdr.size) {
      throw reader.error('NETLINK_LENGTH', `${where}/nlmsg_len`, `${len} is less than a header`);
    }
    const payload = reader.slice(at + nlmsghdr.size, len - nlmsghdr.size, `${where}/nlmsg_len`);
    messages.push({ type, flags, seq, pid, payload });
    at += align4(len);
  }
  return messages;
}

/** @throws {FormatError} with the path of the field that was wrong */
export function parseAttributes(bytes: Uint8Array, path: string): NetlinkAttributes {
  const reader = new ByteReader(bytes, 'little', path);
  const attributes = new Map<number, Uint8Array>();
  // A tail shorter than a header is padding; the kernel's own parser passes it over too.
  for (let at = 0, index = 0; bytes.length - at >= NLA_HEADER_SIZE; index++) {
    const length = reader.u16(at, `${index}/nla_len`);
    if (length < NLA_HEADER_SIZE) {
      throw reader.error('NETLINK_LENGTH', `${index}/nla_len`, `${length} is less than a header`);
    }
    const type = reader.u16(at + 2, `${index}/nla_type`) & NLA_TYPE_MASK;
    attributes.set(type, reader.slice(at + NLA_HEADER_SIZE, length - NLA_HEADER_SIZE, `${index}/nla_len`));
    at += align4(length);
  }
  return attributes;
}

export function attributeU32(attributes: NetlinkAttributes, type: number, path: string): number | undefined {
  const payload = attributes.get(type);
  return payload && new ByteReader(payload, 'little', path).u32(0, `attribute ${type}`);
}

export function attributeU8(attributes: NetlinkAttributes, type: number, path: string): number | undefined {
  const payload = attributes.get(type);
  return payload && new ByteReader(payload, 'little', path).u8(0, `attribute ${type}`);
}

export function attributeText(attributes: NetlinkAttributes, type: number): string | undefined {
  const payload = attributes.get(type);
  return payload && decodeCString(payload);
}

/** NLMSGERR_ATTR_MSG. */
const EXT_ACK_MESSAGE = 1;

export interface NetlinkAck {
  /** 0 for success. */
  readonly errno: number;
  /** What the kernel says about it (extended acknowledgement), where it says anything. */
  readonly message: string | undefined;
}

/** Reads the payload of an NLMSG_ERROR, or of the NLMSG_DONE that ends a dump. */
export function parseAck(message: NetlinkMessage): NetlinkAck {
  const reader = new ByteReader(message.payload, 'little', 'netlink/error');
  const errno = message.payload.length === 0 ? 0 : -reader.s32(0, 'error');
  if ((message.flags & NetlinkFlag.ACK_TLVS) === 0) return { errno, message: undefined };
  const done = message.type === NetlinkType.DONE;
  const quoted = (): number => {
    reader.need(4, nlmsghdr.size, 'msg');
    // A capped answer quotes the request's header alone.
    const capped = errno === 0 || (message.flags & NetlinkFlag.CAPPED) !== 0;
    return capped ? nlmsghdr.size : align4(Math.max(reader.u32(4, 'msg/nlmsg_len'), nlmsghdr.size));
  };
  const at = 4 + (done ? 0 : quoted());
  const tlvs = reader.slice(at, Math.max(0, message.payload.length - at), 'attributes');
  return {
    errno,
    message: attributeText(parseAttributes(tlvs, 'netlink/error/attributes'), EXT_ACK_MESSAGE),
  };
}
