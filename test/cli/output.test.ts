import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { shown } from '../../src/cli/entry-view.ts';
import { ageText, bytesText, countText, durationText, plural } from '../../src/cli/format.ts';
import { Output } from '../../src/cli/output.ts';
import { barLine } from '../../src/cli/progress.ts';
import { percentPath, snapshotPath } from '../../src/cli/snapshot-path.ts';
import { table } from '../../src/cli/table.ts';

describe('format', () => {
  it.each([
    [0, '0 B'],
    [999, '999 B'],
    [1000, '1.0 kB'],
    [99_949, '99.9 kB'],
    [123_456, '123 kB'],
    [1_234_567_890, '1.2 GB'],
    [999_999_999, '1.0 GB'],
  ])('shows %i bytes as %s', (bytes, shown) => {
    expect(bytesText(bytes)).toBe(shown);
  });

  it('groups thousands', () => {
    expect([7, 999, 1000, 34_000, 18_000_000].map(countText)).toEqual([
      '7',
      '999',
      '1,000',
      '34,000',
      '18,000,000',
    ]);
  });

  it('shows durations and ages in units that fit', () => {
    expect([300, 12_400, 185_000, 7_800_000].map(durationText)).toEqual([
      '0.3 s',
      '12 s',
      '3 min 5 s',
      '2 h 10 min',
    ]);
    expect([10_000, 300_000, 10_800_000, 1e9].map(ageText)).toEqual(['<1 min', '5 min', '3 h', '11 d']);
    expect([-60_000, -4e6, -4.5e8].map(ageText)).toEqual(['<1 min', '66 min ahead', '5 d ahead']);
  });

  it('counts nouns', () => {
    expect([plural(1, 'entry'), plural(2, 'entry'), plural(1234, 'warning')]).toEqual([
      '1 entry',
      '2 entries',
      '1,234 warnings',
    ]);
  });
});

describe('table', () => {
  const columns = [
    { title: 'NAME', shrinks: true },
    { title: 'SIZE', align: 'right' },
  ] as const;

  it('aligns columns and leaves no trailing blanks', () => {
    expect(
      table(
        columns,
        [
          ['a', '1 B'],
          ['long name', '12 kB'],
        ],
        80,
      ),
    ).toEqual(['NAME        SIZE', 'a            1 B', 'long name  12 kB']);
  });

  it('escapes what is in its cells', () => {
    expect(table(columns, [['a\n\u001b[2J', '1']], 80)[1]).toMatch(/^a\\u\{a\}\\u\{1b\}\[2J +1$/);
  });

  it('is as long as it has to be', () => {
    const rows = Array.from({ length: 200_000 }, (_, at) => [`site${at}`, '1']);

    expect(table(columns, rows, Number.POSITIVE_INFINITY)).toHaveLength(200_001);
  });

  it('cuts texts, not numbers, where the terminal is narrow', () => {
    const lines = table(columns, [['n'.repeat(60), '123,456,789']], 40);

    expect(Math.max(...lines.map((line) => line.length))).toBe(40);
    expect(lines[1]).toMatch(/n… {2}123,456,789$/);
  });
});

describe('Output', () => {
  const printed = async (json: boolean, print: (output: Output) => void): Promise<string> => {
    const stdout = new PassThrough();
    const output = new Output({ stdout, stderr: new PassThrough() }, { json, quiet: false });
    print(output);
    output.flush();
    stdout.end();
    return text(stdout);
  };

  it('lets no control character through, whoever forgot to escape it', async () => {
    expect(await printed(false, (output) => output.line('a\u001b[31m\nb\u009b'))).toBe(
      'a\\u{1b}[31m\\u{a}b\\u{9b}\n',
    );
  });

  it('escapes in JSON what a terminal may act upon, without changing the value', async () => {
    const value = { text: 'a\u009b31m\u202e\u2028' };
    const shown = await printed(true, (output) => output.document(value));

    expect(shown).not.toMatch(/[\u0080-\u009f\u2028\u202e]/);
    expect(JSON.parse(shown)).toEqual(value);
  });

  it('prints either lines or JSON', async () => {
    const both = (output: Output): void => {
      output.line('line');
      output.document({ a: 1 });
    };

    expect(await printed(false, both)).toBe('line\n');
    expect(JSON.parse(await printed(true, both))).toEqual({ a: 1 });
  });
});

describe('barLine', () => {
  it('shows share, bytes, rate and time left', () => {
    expect(barLine({ share: 0.25, bytes: 50_000_000, detail: '5/20 accounts' }, 10_000)).toBe(
      '[######..................]  25 %  50.0 MB  5.0 MB/s  30 s left  5/20 accounts',
    );
  });

  it('promises nothing while the total is unknown', () => {
    expect(barLine({ share: null, bytes: 1000, detail: '' }, 10_000)).toMatch(
      /^\[\.{24}\] {2}1\.0 kB {2}100 B\/s/,
    );
  });

  it('promises no end where there is more than was expected', () => {
    expect(barLine({ share: 0.99, bytes: 50_000_000, detail: '' }, 10_000)).not.toContain('left');
  });
});

describe('paths in a snapshot', () => {
  it.each([
    ['shadow/var/', 'shadow/var'],
    ['/shadow//', 'shadow'],
    ['./shadow', 'shadow'],
    ['shadow/.hidden', 'shadow/.hidden'],
    ['', ''],
  ])('takes %j as %j', (typed, path) => {
    expect(snapshotPath(typed).toString()).toBe(path);
  });

  it('shows no two names alike, and each so that it can be given back', () => {
    const names = [
      'a%20b',
      'a b',
      'a\\u{a}b',
      'a\nb',
      'a\\b',
      'ä',
      'a\u200bb',
      'a\u00a0b',
      ' a',
      'a ',
      'a -> b',
      '%',
      '%41',
      'A',
    ];
    const paths = [
      ...names.map((name) => Buffer.from(`shadow/${name}`)),
      Buffer.from('shadow/\xff', 'latin1'),
    ];
    const texts = paths.map(shown);

    expect(new Set(texts).size).toBe(texts.length);
    expect(texts.map(percentPath)).toEqual(paths);
    expect(texts.join('')).not.toMatch(/\p{Cc}|\p{Cf}/u);
    expect(texts).toContain('shadow/ä');
  });

  it('decodes percent-encoded bytes', () => {
    expect(percentPath('shadow/a%FF%0Ab%25')).toEqual(Buffer.from('shadow/a\xff\nb%', 'latin1'));
    expect(() => percentPath('100%')).toThrow(expect.objectContaining({ code: 'USAGE' }));
  });

  it('takes no U+FFFD for a name, which stands for bytes that are not UTF-8, unless it is encoded', () => {
    for (const read of [snapshotPath, percentPath]) {
      expect(() => read('home/caf\ufffd')).toThrow(
        expect.objectContaining({ code: 'USAGE', hint: expect.stringContaining('%EF%BF%BD') }),
      );
    }
    expect(percentPath('home/caf%EF%BF%BD').toString()).toBe('home/caf\ufffd');
  });
});
