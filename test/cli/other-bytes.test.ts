import { describe, expect, it } from 'vitest';
import { refuseOtherBytes } from '../../src/cli/other-bytes.ts';

const line = (...words: string[]): Buffer => Buffer.from(words.map((word) => `${word}\0`).join(''), 'latin1');
const utf8 = (text: string): string => Buffer.from(text).toString('latin1');

describe('a command line', () => {
  it('that is not UTF-8 is refused, with the bytes that were given', () => {
    const given = line('node', 'main.js', 'decrypt', '', '/caf\xe9');
    const refused = expect.objectContaining({ code: 'USAGE', message: expect.stringContaining('/caf%E9') });

    expect(() => refuseOtherBytes(['decrypt', '', '/caf\ufffd'], () => given)).toThrow(refused);
  });

  it('is taken where U+FFFD itself was given, and not read where there is none', () => {
    const given = line('node', '/caf\xe9.js', 'find', utf8('caf\ufffd'));

    refuseOtherBytes(['find', 'caf\ufffd'], () => given);
    refuseOtherBytes(['find', 'café'], () => expect.unreachable());
  });
});
