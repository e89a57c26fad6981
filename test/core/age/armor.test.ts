import { randomBytes } from 'node:crypto';
import { armor } from 'age-encryption';
import { describe, expect, it } from 'vitest';
import { unarmored } from '../../../src/core/age/armor.ts';
import { collect } from '../../../src/core/streams.ts';

async function* inPieces(text: string, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < text.length; at += size) yield Buffer.from(text.slice(at, at + size), 'latin1');
}
const open = (text: string, size = 100): Promise<Buffer> =>
  collect(unarmored(inPieces(text, size), 'it'), 1_000_000);

describe('an armored file', () => {
  it.each([0, 1, 47, 48, 49, 96, 5000])(
    'of %i bytes is what was armored, however it comes',
    async (length) => {
      const bytes = randomBytes(length);
      const text = armor.encode(bytes);
      for (const size of [1, 2, 64, 65, 66, 100_000]) {
        expect((await open(text, size)).equals(bytes)).toBe(true);
        expect((await open(`\r\n \n${text.replaceAll('\n', '\r\n')}\n\r\n`, size)).equals(bytes)).toBe(true);
      }
      expect((await open(text.trimEnd())).equals(bytes)).toBe(true);
    },
  );

  const sound = armor.encode(Buffer.alloc(200, 'some bytes'));
  const lines = sound.trimEnd().split('\n');
  it.each([
    ['is cut short', lines.slice(0, -1).join('\n')],
    ['is empty', ''],
    ['has more behind it', `${sound}more\n`],
    ['has more before it', `more\n${sound}`],
    ['has a line that is too long', lines.with(2, `${lines[2]}AAAA`).join('\n')],
    ['has a short line in the middle', lines.with(2, lines[2]!.slice(4)).join('\n')],
    ['has padding in the middle', lines.with(2, `${lines[2]!.slice(2)}==`).join('\n')],
    ['has other characters', lines.with(2, `*${lines[2]!.slice(1)}`).join('\n')],
    ['has an empty line', lines.with(2, '').join('\n')],
    ['has a line without an end', `${lines[0]}\n${'A'.repeat(70_000)}`],
  ])('that %s is damaged', async (_, text) => {
    await expect(open(text)).rejects.toMatchObject({ code: 'OBJECT_DAMAGED' });
    await expect(open(text, 1_000_000)).rejects.toMatchObject({ code: 'OBJECT_DAMAGED' });
  });
});
