import { describe, expect, test } from 'vitest';
import { fromHex, toHex } from '../../src/util/index.ts';
import { didYouMean, suggest } from '../../src/util/suggest.ts';
import { fc, test as property } from '../support/property.ts';

describe('hex text', () => {
  test.each([
    ['de ad be ef', 'deadbeef'],
    ['0xde,0xAD', 'dead'],
    ['de:ad\n# a comment ff\nbe', 'deadbe'],
    ['', ''],
  ])('%j', (text, hex) => {
    expect(toHex(fromHex(text))).toBe(hex);
  });

  test.each([
    ['dea', 'packet: a byte needs two hex digits (character 3)'],
    ['d e', 'packet: a byte needs two hex digits (character 1)'],
    ['de xx', "packet: 'x' is not a hex digit (character 4)"],
  ])('%j is refused', (text, message) => {
    expect(() => fromHex(text, 'packet')).toThrow(message);
  });

  property.prop([fc.uint8Array()])('reads what it writes', (bytes) => {
    expect(fromHex(toHex(bytes, ' '))).toEqual(bytes);
  });
});

describe('did you mean', () => {
  const names = ['bpf_tail_call', 'bpf_ringbuf_submit', 'bpf_ringbuf_discard', 'bpf_loop'];
  test.each([
    ['bpf_tail_cal', 'bpf_tail_call'],
    ['bpf_tial_call', 'bpf_tail_call'],
    ['BPF_LOOP', 'bpf_loop'],
    ['printf', undefined],
    ['', undefined],
  ])('%j: %j', (name, expected) => {
    expect(suggest(name, names)).toBe(expected);
  });

  test('reads as a question', () => {
    expect(didYouMean('bpf_lop', names)).toEqual(["did you mean 'bpf_loop'?"]);
  });
});
