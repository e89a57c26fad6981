/**
 * Gives accounts of the sample panel databases that hold one of each kind of object an export can lose.
 *
 * Two on MariaDB (`<prefix>wp`, `<prefix>shop`) and one on PostgreSQL (`<prefix>app`), with users, roles
 * and grants. Contents follow from the options alone. The databases must not exist yet.
 */

import { type Connection, type ConnectionOptions, createConnection } from 'mysql2/promise';
import { Client, type ClientConfig } from 'pg';
import type { SampleAccount } from './sample-panel.ts';
import { applicationStatements } from './sample-postgresql.ts';

export interface PopulateOptions {
  readonly accounts: readonly Pick<SampleAccount, 'prefix' | 'adminUser'>[];
  /** A user that may create databases and users; left out where there is to be no MariaDB. */
  readonly mariadb?: ConnectionOptions;
  /** A superuser; left out where there is to be no PostgreSQL. */
  readonly postgresql?: ClientConfig;
  /** Rows in each large table; 500 where nothing is said. */
  readonly rows?: number;
}

export interface PopulatedDatabases {
  readonly mariadb: readonly string[];
  readonly postgresql: readonly string[];
}

export const samplePassword = 'sample password, no secret';

/** Creates the databases and returns their names, sorted as the accounts are. */
export async function populateDatabases(options: PopulateOptions): Promise<PopulatedDatabases> {
  const { accounts, rows = 500 } = options;
  const names = { mariadb: [] as string[], postgresql: [] as string[] };
  if (options.mariadb !== undefined) {
    const connection = await createConnection({ ...options.mariadb, charset: 'utf8mb4' });
    try {
      for (const account of accounts)
        names.mariadb.push(...(await populateMariadb(connection, account, rows)));
    } finally {
      await connection.end();
    }
  }
  if (options.postgresql !== undefined) {
    for (const account of accounts) {
      names.postgresql.push(await populatePostgresql(options.postgresql, account, rows));
    }
  }
  return names;
}

type Owner = PopulateOptions['accounts'][number];

async function populateMariadb(connection: Connection, { prefix, adminUser }: Owner, rows: number) {
  const [blog, shop] = [`${prefix}wp`, `${prefix}shop`];
  // A zero date needs a lenient mode; it is in many old blogs.
  await connection.query(`SET SESSION sql_mode = 'NO_ENGINE_SUBSTITUTION'`);
  const definer = `DEFINER='${adminUser}'@'localhost'`;
  for (const name of [blog, shop]) {
    await connection.query(`CREATE DATABASE \`${name}\` CHARACTER SET utf8mb4`);
    await connection.query(`USE \`${name}\``);
    for (const statement of name === blog ? blogStatements(rows, definer) : shopStatements(rows, definer)) {
      await connection.query(statement);
    }
  }
  await connection.query(`INSERT INTO \`${blog}\`.attachments (name, data) VALUES ('every byte', ?)`, [
    everyByte(),
  ]);
  const all = `\`${prefix.replaceAll('_', '\\_')}%\`.*`;
  for (const statement of [
    `CREATE USER '${adminUser}'@'localhost' IDENTIFIED BY '${samplePassword}'`,
    `GRANT ALL ON ${all} TO '${adminUser}'@'localhost'`,
    `CREATE USER '${prefix}app'@'localhost' IDENTIFIED BY '${samplePassword}'`,
    `GRANT SELECT, INSERT ON \`${blog}\`.* TO '${prefix}app'@'localhost'`,
    `GRANT UPDATE (title) ON \`${blog}\`.posts TO '${prefix}app'@'localhost'`,
  ]) {
    await connection.query(statement);
  }
  return [blog, shop];
}

/** As the account itself makes them: its objects act as its own user. */
function blogStatements(rows: number, definer: string): string[] {
  return [
    `CREATE TABLE posts (
       id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
       title VARCHAR(200) NOT NULL,
       body LONGTEXT,
       published DATETIME(6) NOT NULL DEFAULT '0000-00-00 00:00:00',
       views INT NOT NULL DEFAULT 0,
       slug VARCHAR(210) GENERATED ALWAYS AS (CONCAT(id_text, '-', title)) VIRTUAL,
       id_text CHAR(8) NOT NULL DEFAULT '',
       KEY title (title)
     ) ENGINE=InnoDB`,
    `CREATE TABLE attachments (id INT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(80), data LONGBLOB,
       flags BIT(12) DEFAULT b'101', place POINT DEFAULT (ST_GeomFromText('POINT(7.1 50.7)'))) ENGINE=InnoDB`,
    `CREATE TABLE sessions (token BINARY(16) PRIMARY KEY, touched TIMESTAMP(6) NULL) ENGINE=MyISAM`,
    `CREATE TABLE audit (id INT AUTO_INCREMENT PRIMARY KEY, post INT UNSIGNED, note VARCHAR(80)) ENGINE=Aria`,
    `CREATE ${definer} TRIGGER posts_audit AFTER UPDATE ON posts FOR EACH ROW
       INSERT INTO audit (post, note) VALUES (NEW.id, CONCAT('title was ', LEFT(OLD.title, 60)))`,
    `CREATE ${definer} VIEW recent AS SELECT id, title FROM posts WHERE published > '2020-01-01'`,
    `CREATE ${definer} PROCEDURE rename_post(IN post INT, IN new_title VARCHAR(200))
       BEGIN
         -- A line that looks like the end of a dump:
         -- Dump completed on 2026-01-01  0:00:00
         UPDATE posts SET title = new_title WHERE id = post;
       END`,
    `CREATE ${definer} FUNCTION shout(text VARCHAR(200)) RETURNS VARCHAR(201) DETERMINISTIC RETURN CONCAT(UPPER(text), '!')`,
    `CREATE ${definer} EVENT tidy ON SCHEDULE EVERY 1 DAY STARTS '2030-01-01 03:00:00' DO DELETE FROM sessions`,
    `INSERT INTO posts (title, body, published, id_text)
       SELECT CONCAT('Grüße 🌍 ', seq), REPEAT(CONCAT('line ', seq, '\\n''quoted'' \\\\ back\\0nul '), 1 + seq MOD 40),
         IF(seq MOD 7 = 0, '0000-00-00 00:00:00', '2025-06-01 12:00:00' + INTERVAL seq MINUTE), LPAD(seq, 8, '0')
       FROM seq_1_to_${rows}`,
    `INSERT INTO sessions SELECT UNHEX(MD5(seq)), '2026-01-01 00:00:00.123456' FROM seq_1_to_20`,
  ];
}

function shopStatements(rows: number, definer: string): string[] {
  return [
    `CREATE TABLE customers (id INT PRIMARY KEY, name VARCHAR(80), balance DECIMAL(65,30)) ENGINE=InnoDB`,
    `CREATE TABLE orders (id INT AUTO_INCREMENT PRIMARY KEY, customer INT NOT NULL, total DOUBLE,
       placed TIMESTAMP NOT NULL DEFAULT '2026-01-01 00:00:00', hidden INT INVISIBLE DEFAULT 7,
       FOREIGN KEY (customer) REFERENCES customers (id)) ENGINE=InnoDB`,
    `CREATE TABLE \`odd name \`\`; DROP\` (\`a column\` INT) ENGINE=InnoDB`,
    `CREATE SEQUENCE invoice START WITH 1000 INCREMENT BY 10`,
    `INSERT INTO customers SELECT seq, CONCAT('customer ', seq), seq / 7 FROM seq_1_to_50`,
    `INSERT INTO orders (customer, total) SELECT 1 + seq MOD 50, SQRT(seq) FROM seq_1_to_${rows}`,
    `CREATE ${definer} VIEW totals AS SELECT customer, SUM(total) AS total FROM orders GROUP BY customer`,
    `DO NEXTVAL(invoice)`,
  ];
}

async function populatePostgresql(config: ClientConfig, account: Owner, rows: number): Promise<string> {
  const name = `${account.prefix}app`;
  const roles = [
    `CREATE ROLE "${account.adminUser}" LOGIN PASSWORD '${samplePassword}'`,
    `CREATE ROLE "${name}" LOGIN PASSWORD '${samplePassword}' IN ROLE "${account.adminUser}"`,
    `CREATE DATABASE "${name}" OWNER "${account.adminUser}" CONNECTION LIMIT 20`,
  ];
  await runPostgresql({ ...config, database: 'postgres' }, roles);
  await runPostgresql({ ...config, database: name }, applicationStatements(account.adminUser, name, rows));
  return name;
}

async function runPostgresql(config: ClientConfig, statements: readonly string[]): Promise<void> {
  const client = new Client(config);
  await client.connect();
  try {
    for (const statement of statements) await client.query(statement);
  } finally {
    await client.end();
  }
}

function everyByte(): Buffer {
  return Buffer.from(Array.from({ length: 65_536 }, (_, index) => (index * 167 + (index >> 8)) & 0xff));
}
