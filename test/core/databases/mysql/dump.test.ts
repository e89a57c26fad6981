import { describe, expect, it } from 'vitest';
import { dumpOptions, snapshotIsOpen, TrailerCheck } from '../../../../src/core/databases/mysql/dump.ts';
import { DumpedTables } from '../../../../src/core/databases/mysql/dumped-tables.ts';
import { optionText } from '../../../../src/core/databases/mysql/option-file.ts';

const header =
  '/*M!999999\\- enable the sandbox mode */ \n-- MariaDB dump\n--\n-- Host: x\n\n/*!40101 SET NAMES utf8mb4 */;\n';

describe('snapshotIsOpen', () => {
  it('is not deceived by the header, which comes before the transaction', () => {
    expect(snapshotIsOpen(Buffer.from(header))).toBe(false);
    expect(snapshotIsOpen(Buffer.from(`${header}/*!40111 SET @OLD_SQL_NOTES=@@SQL_NOTES */;\n\n`))).toBe(
      false,
    );
  });

  it('takes the first comment after the header for the sign', () => {
    expect(snapshotIsOpen(Buffer.from(`${header}\n--\n-- Table structure for table \`t\`\n`))).toBe(true);
  });
});

describe('TrailerCheck', () => {
  async function verdict(...chunks: string[]): Promise<string | null> {
    const check = new TrailerCheck();
    for (const chunk of chunks) check.chunk(Buffer.from(chunk));
    return await check.end();
  }

  it('accepts the trailer as the last line, however the bytes were cut', async () => {
    expect(await verdict('x\n\n-- Dump completed\n')).toBeNull();
    expect(await verdict('x\n\n-- Dump', ' completed on 2026-01-02  3:04:05', '\n')).toBeNull();
    expect(await verdict('y'.repeat(1000), '\n', ...'-- Dump completed\n')).toBeNull();
  });

  it('refuses it anywhere else', async () => {
    const refused = [
      '-- Dump completed',
      '-- Dump completed\n;',
      'x-- Dump completed\n',
      '-- Dump completed\n-- more\n',
      '',
    ];
    for (const text of refused) expect(await verdict(text)).toMatch(/last line/);
  });
});

describe('DumpedTables', () => {
  it('knows the names that came, however the bytes were cut', async () => {
    const names = ['plain', 'a`b', 'new\nline', 'ü€'];
    const sql = names
      .map((name) => `x\nCREATE TABLE \`${name.replaceAll('`', '``')}\` (\n  i int);`)
      .join('\n');
    for (const size of [1, 7, 64 * 1024]) {
      const dumped = new DumpedTables([{ database: 'd', tables: names.slice(1), outside: ['plain'] }]);
      const bytes = Buffer.from(sql);
      for (let at = 0; at < bytes.length; at += size) dumped.chunk(bytes.subarray(at, at + size));
      // Nobody is asked where none is missing.
      const nowhere = { name: 'm', engine: 'mysql', socket: '/nonexistent' } as const;
      expect(await dumped.missing(nowhere, new AbortController().signal)).toBeNull();
    }
  });
});

describe('dumpOptions', () => {
  const plan = {
    database: 'a.b',
    tables: [],
    outside: [],
    outsideWarning: null,
    brokenViews: ['v`--x'],
    hasHistory: true,
    historyByTransaction: null,
    warnings: [],
    notes: [],
    besides: [],
    refusal: null,
  };

  it('gives newer options only to clients that know them', () => {
    expect(dumpOptions([plan], new Set()).filter((option) => /gtid|history|init/.test(option))).toEqual([]);
    const known = new Set(['set-gtid-purged', 'dump-history', 'init-command']);
    expect(dumpOptions([plan], known)).toEqual(
      expect.arrayContaining(['--set-gtid-purged=OFF', '--dump-history']),
    );
  });

  it('leaves histories out where one of them goes by transactions, which ends the client', () => {
    const other = { ...plan, historyByTransaction: 'h' };
    expect(dumpOptions([plan, other], new Set(['dump-history']))).not.toContain('--dump-history');
  });

  it('names a view that is left out in one argument', () => {
    expect(dumpOptions([plan], new Set())).toContain('--ignore-table=a.b.v`--x');
  });
});

describe('optionText', () => {
  it('escapes what would end a value or begin an option', () => {
    const text = optionText({
      name: 'm',
      engine: 'mysql',
      socket: '/s',
      user: 'a\nhost=x',
      password: 'p"\\#',
    });
    expect(text).toBe('[client]\nuser="a\\nhost=x"\npassword="p\\"\\\\#"\nsocket="/s"\nprotocol="socket"\n');
  });
});
