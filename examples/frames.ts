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
