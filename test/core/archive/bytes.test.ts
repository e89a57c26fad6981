import { describe, expect, it } from 'vitest';
import { ByteReader, ByteWriter } from '../../../src/core/archive/bytes.ts';

describe('varints', () => {
  it.each([
    [0, '00'],
    [127, '7f'],
    [128, '8001'],
    [2 ** 31 - 1, 'ffffffff07'],
    // Where bit operations on numbers would go wrong.
    [2 ** 31, '8080808008'],
    [2 ** 32, '8080808010'],
    [Number.MAX_SAFE_INTEGER, 'ffffffffffffff0f'],
  ])('%d is %s, both ways', (value, hex) => {
    const out = new ByteWriter(1);
    out.varint(value);

    expect(out.view().toString('hex')).toBe(hex);
    expect(new ByteReader(out.copy()).varint()).toBe(value);
    expect(new ByteReader(out.copy()).varint64()).toBe(BigInt(value));
  });

  it.each([2 ** 53, 1e21, -1, 0.5, Number.NaN])(
    'are never written of %d, which would come back as another',
    (value) => {
      expect(() => new ByteWriter(1).varint(value)).toThrow(TypeError);
    },
  );

  it('carry 64 bits where they are read as such, and are refused where a number cannot hold them', () => {
    const out = new ByteWriter(1);
    out.varint64(2n ** 64n - 1n);

    expect(out.view().toString('hex')).toBe('ffffffffffffffffff01');
    expect(new ByteReader(out.copy()).varint64()).toBe(2n ** 64n - 1n);
    expect(() => new ByteReader(out.copy()).varint()).toThrow('middle of a record');
  });

  it.each([
    0,
    -1,
    1,
    -(2 ** 31) - 1,
    15_032_385_535,
    2 ** 52,
    -(2 ** 52),
    -(2 ** 52) + 1,
    2 ** 60,
    -(2 ** 62),
  ])('keep the sign of %d', (value) => {
    const out = new ByteWriter(1);
    out.zigzag(value);

    expect(new ByteReader(out.copy()).zigzag()).toBe(value);
  });

  it.each(['', '80', 'ffffffffffffffffffff', '80808080808080808080808001'])(
    'that do not end are refused: %s',
    (hex) => {
      const bytes = Buffer.from(hex, 'hex');

      expect(() => new ByteReader(bytes).varint()).toThrow('middle of a record');
      expect(() => new ByteReader(bytes).varint64()).toThrow('middle of a record');
    },
  );
});

describe('a length that is larger than what is left', () => {
  it('is refused and reads nothing beyond the end', () => {
    const bytes = Buffer.from('05616263', 'hex');

    expect(() => new ByteReader(bytes).bytes()).toThrow('middle of a record');
    expect(() => new ByteReader(Buffer.concat([bytes, Buffer.alloc(9)]), 0, 4).bytes()).toThrow(
      'middle of a record',
    );
  });
});
