import { describe, expect, it } from 'vitest';
import { printable, quoted } from '../../src/core/printable.ts';

describe('printable', () => {
  it('leaves text that shows as itself', () => {
    expect(printable('Grüße, 日本語 🙂 ~!')).toBe('Grüße, 日本語 🙂 ~!');
  });

  it.each([
    ['a\nb\r\t', 'a\\u{a}b\\u{d}\\u{9}'],
    ['\u001b[31m', '\\u{1b}[31m'],
    ['\u0085\u2028\u202e\u200b\ufeff', '\\u{85}\\u{2028}\\u{202e}\\u{200b}\\u{feff}'],
    ['C:\\n', 'C:\\\\n'],
    ['\ud800', '\\u{d800}'],
  ])('escapes %j', (text, shown) => {
    expect(printable(text)).toBe(shown);
  });

  it('cuts what is long, and never lets a quote end the quotation', () => {
    expect(printable('x'.repeat(500), 10)).toBe('xxxxxxxxxx…');
    expect(quoted('a"b')).toBe('"a\\"b"');
  });
});
