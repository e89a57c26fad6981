import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import { dumpFile } from '../../../../src/core/jobs/import/dump-file.ts';

const directory = mkdtempSync(join(tmpdir(), 'holdfast-dump-file-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

afterEach(() => vi.unstubAllEnvs());

const never = new AbortController().signal;
const tables = ['a', 'b', 'c'].map((name) => `CREATE TABLE ${name} (i INT);\n`);

async function contentOf(bytes: readonly Buffer[]): Promise<string> {
  const path = join(directory, 'dump');
  writeFileSync(path, Buffer.concat(bytes));
  return text((await dumpFile(path, never)).open(never));
}

describe('a packed dump of several members', () => {
  it.each([gzipSync, zstdCompressSync])('is read to its end: %o', async (pack) => {
    expect(await contentOf(tables.map((table) => pack(table)))).toBe(tables.join(''));
  });

  it('may be padded, and is damaged where one of them is zeros', async () => {
    const [a, b, c] = tables.map((table) => gzipSync(table));

    expect(await contentOf([a!, b!, Buffer.alloc(1000)])).toBe(tables.slice(0, 2).join(''));
    for (const rest of [[Buffer.alloc(b!.length), c!], [b!.subarray(0, -4)]]) {
      await expect(contentOf([a!, ...rest])).rejects.toMatchObject({
        code: 'OBJECT_DAMAGED',
        message: expect.stringContaining('cannot be unpacked: gzip ended') as string,
      });
    }
  });

  it('is refused where the program that unpacks it is missing, by what to install', async () => {
    vi.stubEnv('PATH', directory);

    await expect(contentOf([gzipSync('x')])).rejects.toMatchObject({
      code: 'PREREQUISITE_MISSING',
      message: 'gzip not found',
      hint: 'Install gzip.',
    });
  });
});
