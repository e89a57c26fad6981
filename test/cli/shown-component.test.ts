import { expect, it } from 'vitest';
import { shownComponent } from '../../src/cli/shown-component.ts';
import type { Component } from '../../src/core/archive/manifest.ts';

const database = (name: string, databases: readonly string[]): Component =>
  ({ type: 'database', name: `mariadb/${name}`, instance: 'mariadb', databases }) as unknown as Component;

it('components are called by the names of what they hold', () => {
  const components = [
    database('anna_odd%20name', ['anna_odd name']),
    database('_joint', ['anna_a', 'anna_b']),
    database('_unknown', ['_unknown']),
    { type: 'tree', name: 'home' } as Component,
  ];
  expect(components.map(shownComponent)).toEqual([
    'database mariadb/anna_odd name',
    'databases mariadb/anna_a, anna_b',
    'databases of mariadb',
    'tree home',
  ]);
});
