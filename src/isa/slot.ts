/** Bytes of one slot: RFC 9669, section 3.1. A wide instruction takes two. */
export const SLOT_SIZE = 8;
