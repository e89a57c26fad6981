import { describe, expect, it } from 'vitest';
import { compareVersions } from '../../../../src/core/databases/mysql/check.ts';
import { withoutDefaultRoles } from '../../../../src/core/databases/mysql/grants.ts';
import {
  hasPrivilege,
  missingPrivileges,
  parseGrant,
} from '../../../../src/core/databases/mysql/privileges.ts';

describe('parseGrant', () => {
  it('reads grants on the server, a database, a table and a routine', () => {
    expect(parseGrant('GRANT ALL PRIVILEGES ON *.* TO `root`@`localhost` WITH GRANT OPTION')).toEqual({
      privileges: ['ALL PRIVILEGES'],
      database: null,
      object: null,
    });
    expect(parseGrant('GRANT SELECT, SHOW VIEW ON `exa\\_%`.* TO `u`@`%`')).toEqual({
      privileges: ['SELECT', 'SHOW VIEW'],
      database: 'exa\\_%',
      object: null,
    });
    expect(parseGrant('GRANT SELECT (`a`, `b`), UPDATE (`a`) ON `d`.`t` TO `u`@`%`')).toEqual({
      privileges: ['SELECT', 'UPDATE'],
      database: 'd',
      object: 't',
    });
    expect(parseGrant('GRANT EXECUTE ON PROCEDURE `d`.`p` TO `u`@`%`')).toMatchObject({ object: 'p' });
  });

  it('is not deceived by names', () => {
    const line = 'GRANT SELECT (`x) ON ``a``.``b`` TO`) ON `d``1`.`t ON *.* TO` TO `u ON *.* TO `@`%`';
    expect(parseGrant(line)).toEqual({ privileges: ['SELECT'], database: 'd`1', object: 't ON *.* TO' });
  });

  it('passes over roles and proxies', () => {
    expect(parseGrant('GRANT `role` TO `u`@`%`')).toBeNull();
    expect(parseGrant("GRANT PROXY ON ''@'%' TO 'root'@'localhost' WITH GRANT OPTION")).toBeNull();
  });
});

describe('privileges', () => {
  const grants = [
    'GRANT SELECT, LOCK TABLES ON *.* TO `u`@`%`',
    'GRANT ALL PRIVILEGES ON `exa\\_%`.* TO `u`@`%`',
  ]
    .map(parseGrant)
    .filter((grant) => grant !== null);

  it('of the server reach every database, others only theirs', () => {
    expect(hasPrivilege(grants, 'LOCK TABLES', null)).toBe(true);
    expect(missingPrivileges(grants, 'exa_shop')).toEqual([]);
    expect(missingPrivileges(grants, 'other')).toEqual(['SHOW VIEW', 'TRIGGER', 'EVENT']);
    expect(missingPrivileges(grants, null)).toEqual(['SHOW VIEW', 'TRIGGER', 'EVENT']);
  });
});

describe('withoutDefaultRoles', () => {
  const rest = ' REQUIRE NONE PASSWORD EXPIRE DEFAULT ACCOUNT UNLOCK';

  it("takes the roles out of MySQL's CREATE USER, for they may not be there yet", () => {
    const create = "CREATE USER `exa`@`%` IDENTIFIED WITH 'x' AS 0x00";
    const roles = '`a``b`@`%`,`DEFAULT ROLE `@`localhost`';
    expect(withoutDefaultRoles(`${create} DEFAULT ROLE ${roles}${rest}`)).toEqual({
      create: `${create}${rest}`,
      roles,
    });
  });

  it('leaves all others as they are, whatever they are called', () => {
    for (const create of [
      "CREATE USER `exa`@`localhost` IDENTIFIED BY PASSWORD '*0'",
      `CREATE USER \` DEFAULT ROLE \`@\`localhost\` IDENTIFIED WITH 'x'${rest}`,
    ]) {
      expect(withoutDefaultRoles(create)).toEqual({ create, roles: null });
    }
  });
});

describe('compareVersions', () => {
  const verdict = (server: string, client: string) =>
    compareVersions(
      [{ name: 'connection', state: 'ok', detail: `server ${server} as root@localhost, 151 connections` }],
      [{ name: 'client', state: 'ok', detail: `/opt/mariadb/bin/dump: ${client}` }],
    ).map(({ state, detail }) => `${state}: ${detail.split(':')[0]}`);
  const mariadb = 'mariadb-dump  Ver 10.19 Distrib 10.11.19-MariaDB, for debian-linux-gnu (x86_64)';
  const mysql = 'mysqldump  Ver 9.7.4-2 for Linux on x86_64 ((Debian))';

  it('warns of an older client, and refuses one of another kind', () => {
    expect(verdict('10.11.19-MariaDB-0+deb12u1', mariadb)).toEqual([]);
    expect(verdict('9.7.4-2', mysql)).toEqual([]);
    expect(verdict('11.4.2-MariaDB', mariadb)).toEqual([
      'warning: the client is of 10.11, the server of 11.4',
    ]);
    expect(verdict('9.8.0', mysql)).toEqual(['warning: the client is of 9.7, the server of 9.8']);
    expect(verdict('9.7.4-2', mariadb)).toEqual(["error: the client is MariaDB's, the server MySQL's"]);
    expect(verdict('10.11.19-MariaDB', mysql)).toEqual([
      "error: the client is MySQL's, the server MariaDB's",
    ]);
  });
});
