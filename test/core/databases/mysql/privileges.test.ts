import { describe, expect, it } from 'vitest';
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
