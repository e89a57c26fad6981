import { describe, expect, it } from 'vitest';
import { DumpFilter, type FilterOptions } from '../../../../src/core/databases/mysql/import-filter.ts';
import type { ImportTally } from '../../../../src/core/databases/mysql/import-tally.ts';

interface Filtered {
  readonly text: string;
  readonly tally: ImportTally;
}

/** In pieces of every size asked for, which must make no difference. */
function filter(dump: string | Buffer, options: Partial<FilterOptions> = {}, pieceBytes = 7): Filtered {
  const one = new DumpFilter({ source: 'exa_wp', scratch: 'scratch', tables: null, ...options });
  const bytes = Buffer.from(dump);
  const parts: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    for (const part of one.feed(bytes.subarray(at, at + pieceBytes))) parts.push(Buffer.from(part));
  }
  for (const part of one.end()) parts.push(part);
  return { text: Buffer.concat(parts).toString(), tally: one.tally };
}

const rows = (tally: ImportTally) =>
  Object.fromEntries([...tally.tables].map(([name, table]) => [name, table.rows]));

describe('DumpFilter', () => {
  it.each([1, 3, 64, 100_000])('counts rows whatever they hold, in pieces of %d bytes', (pieceBytes) => {
    const dump = `CREATE TABLE \`t\` (a TEXT, KEY (a));
      INSERT INTO \`t\` VALUES ('(1),(2);'),\n('it\\'s; \\\\'),("\\"),("),\n('''),('),(0x2729,NULL),(POINT(1,(2)));
      INSERT INTO t (\`a\`, b) VALUES (1,2),(3,4);\n`;
    expect(rows(filter(dump, {}, pieceBytes).tally)).toEqual({ t: 8 });
  });

  it('reads quotes as the sql_mode of the dump has them', () => {
    const dump = `SET sql_mode='NO_BACKSLASH_ESCAPES';\nCREATE TABLE t (a TEXT);\nINSERT INTO t VALUES ('\\'),('x');\nSET sql_mode=@old;\nINSERT INTO t VALUES ('\\'),(');\n`;
    expect(rows(filter(dump).tally)).toEqual({ t: 3 });
  });

  it('takes one database out of a joint dump, told by statements alone', () => {
    const dump = `CREATE DATABASE /*!32312 IF NOT EXISTS*/ \`exa_shop\`;\nUSE \`exa_shop\`;\nCREATE TABLE other (a INT);\nINSERT INTO other VALUES ('
-- Current Database: \`exa_wp\`
USE \`exa_wp\`;
');\n-- Current Database: \`exa_shop\`\nUSE \`exa_wp\`;\nCREATE TABLE mine (a INT);\nINSERT INTO mine VALUES (1);\nUSE \`exa_shop\`;\nDROP TABLE IF EXISTS mine;\n`;
    const { text, tally } = filter(dump);
    expect(text).toBe('CREATE TABLE mine (a INT);\nINSERT INTO mine VALUES (1);\n');
    expect(rows(tally)).toEqual({ mine: 1 });
  });

  it('changes definers and names by their places, not by their looks', () => {
    const dump = `DELIMITER ;;
/*!50003 CREATE*/ /*!50017 DEFINER=\`root\`@\`%\`*/ /*!50003 TRIGGER t BEFORE INSERT ON \`exa_wp\`.\`x\` FOR EACH ROW BEGIN
  SET @a = 'DEFINER=\`root\`@\`%\` exa_wp.x'; INSERT INTO exa_wp.log VALUES (1); -- exa_wp.y
END */;;
DELIMITER ;\n`;
    const { text, tally } = filter(dump);
    expect(text).toContain('/*!50017 */ /*!50003 TRIGGER t BEFORE INSERT ON `scratch`.`x`');
    expect(text).toContain(
      `SET @a = 'DEFINER=\`root\`@\`%\` exa_wp.x'; INSERT INTO \`scratch\`.log VALUES (1); -- exa_wp.y`,
    );
    expect(tally.definers.get('trigger t')).toEqual({ user: 'root', host: '%' });
  });

  it('leaves an alias that is called as the database is', () => {
    const dump = 'CREATE VIEW v AS select `exa_wp`.`id` AS `id`,`exa_wp`.`f`(1) from `t` `exa_wp`;\n';
    const { text, tally } = filter(dump);
    expect(text).toBe('');
    expect(tally.views.get('v')?.statement.toString()).toBe(
      'CREATE VIEW v AS select `exa_wp`.`id` AS `id`,`scratch`.`f`(1) from `t` `exa_wp`',
    );
  });

  it('holds back the last view of each name, with the character set it is written in', () => {
    const { text, tally } = filter(
      `CREATE VIEW a AS SELECT 1;\n/*!50001 DROP VIEW IF EXISTS a */;\nCREATE VIEW gone AS SELECT 1;\nDROP VIEW gone;
      /*!50001 SET @saved = @@character_set_client */;\n/*!50001 SET character_set_client = latin2 */;
      SET collation_connection = latin2_bin;\nSET @collation_connection = nonsense;\nCREATE VIEW a AS SELECT 2;
      SET character_set_client = @saved, collation_connection = @saved_too;\nCREATE VIEW b AS SELECT 3;
      SET NAMES 'latin1' COLLATE latin1_bin;\nCREATE VIEW c AS SELECT 4;\n`,
    );
    expect(text).not.toContain('VIEW');
    expect(
      [...tally.views].map(([name, { written, charset }]) => [name, written.toString().trim(), charset]),
    ).toEqual([
      ['a', 'CREATE VIEW a AS SELECT 2', { client: 'LATIN2', collation: 'LATIN2_BIN' }],
      ['b', 'CREATE VIEW b AS SELECT 3', { client: 'utf8mb4', collation: null }],
      ['c', 'CREATE VIEW c AS SELECT 4', { client: 'latin1', collation: 'LATIN1_BIN' }],
    ]);
  });

  it('makes events that do not run, and remembers which were to', () => {
    const { text, tally } =
      filter(`CREATE EVENT a ON SCHEDULE EVERY 1 DAY ENABLE COMMENT 'ENABLE' DO SELECT 1;
      CREATE EVENT b ON SCHEDULE EVERY (SELECT 1) DAY DO UPDATE t SET enable = 1;
      CREATE EVENT c ON SCHEDULE EVERY 1 DAY DISABLE DO SELECT 1;\n`);
    expect(text.match(/DISABLE/g)).toHaveLength(3);
    expect([...tally.enabledEvents]).toEqual(['a', 'b']);
  });

  it('passes what belongs to chosen tables only', () => {
    const dump = `CREATE TABLE a (x INT);\nINSERT INTO a VALUES (1);\nCREATE TABLE b (x INT);\nINSERT INTO b VALUES (1),(2);
      CREATE TRIGGER ta BEFORE INSERT ON a FOR EACH ROW SET @x = 1;\nCREATE TRIGGER tb BEFORE INSERT ON \`b\` FOR EACH ROW SET @x = 1;
      CREATE VIEW v AS SELECT 1;\nCREATE PROCEDURE p() SELECT 1;\n`;
    const { text, tally } = filter(dump, { tables: ['b'] });
    expect(text).toBe(
      'CREATE TABLE b (x INT);\nINSERT INTO b VALUES (1),(2);\nCREATE TRIGGER tb BEFORE INSERT ON `b` FOR EACH ROW SET @x = 1;\n',
    );
    expect(rows(tally)).toEqual({ b: 2 });
  });

  it('keeps bytes that are no UTF-8 as they are', () => {
    const dump = Buffer.concat([
      Buffer.from("CREATE TABLE t (a BLOB);\nINSERT INTO t VALUES ('"),
      Buffer.from([0xff, 0xc3, 0x28, 0x00]),
      Buffer.from("');\n"),
    ]);
    const one = new DumpFilter({ source: null, scratch: 's', tables: null });
    const out = Buffer.concat([...one.feed(dump), ...one.end()]);
    expect(out.includes(Buffer.from([0xff, 0xc3, 0x28, 0x00]))).toBe(true);
  });
});
