// Hand-made Ethernet frames for the examples.

export const IpProtocol = { ICMP: 1, TCP: 6, UDP: 17 } as const;

/** From 10.0.0.1 to 10.0.0.2; what the protocol's own header would say is left zero. */
export function ipv4Frame(protocol: number): Uint8Array {
  const frame = new Uint8Array(60);
  frame.set([0x02, 0, 0, 0, 0, 2, 0x02, 0, 0, 0, 0, 1, 0x08, 0x00]);
  frame.set([0x45, 0, 0, 46, 0, 0, 0, 0, 64, protocol, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2], 14);
  return frame;
}

/** A frame of the EtherType that is kept for experiments (IEEE 802), numbered to be told from others. */
export function numberedFrame(number: number): Uint8Array {
  const frame = new Uint8Array(60);
  frame.set([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02, 0, 0, 0, 0, 1, 0x88, 0xb5, number]);
  return frame;
}

export function isNumberedFrame(frame: Uint8Array): boolean {
  return frame[12] === 0x88 && frame[13] === 0xb5;
}

/** The sum that IP and ICMP headers carry (RFC 1071), over an even number of bytes. */
function checksum(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) sum += view.getUint16(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

const ipv4Bytes = (address: string): number[] => address.split('.').map(Number);

/** An ICMP echo request to whoever on the link has the address. */
export function pingFrame(hardwareAddress: string, from: string, to: string): Uint8Array {
  const frame = new Uint8Array(60);
  const source = hardwareAddress.split(':').map((byte) => Number.parseInt(byte, 16));
  frame.set([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, ...source, 0x08, 0x00]);
  const ip = [0x45, 0, 0, 46, 0, 0, 0, 0, 64, IpProtocol.ICMP, 0, 0, ...ipv4Bytes(from), ...ipv4Bytes(to)];
  frame.set(ip, 14);
  frame.set([8, 0, 0, 0, 0x12, 0x34], 34);
  const view = new DataView(frame.buffer);
  view.setUint16(24, checksum(frame.subarray(14, 34)));
  view.setUint16(36, checksum(frame.subarray(34)));
  return frame;
}

/** Whether a frame answers {@link pingFrame}, from the address that it was sent to. */
export function isPingAnswer(frame: Uint8Array, from: string): boolean {
  const starts = (at: number, bytes: readonly number[]): boolean =>
    bytes.every((byte, index) => frame[at + index] === byte);
  return (
    starts(12, [0x08, 0x00]) &&
    frame[23] === IpProtocol.ICMP &&
    starts(26, ipv4Bytes(from)) &&
    frame[34] === 0
  );
}
