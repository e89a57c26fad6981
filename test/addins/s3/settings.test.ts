import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { s3Store } from '../../../src/addins/s3/index.ts';
import { readSettings } from '../../../src/addins/s3/settings.ts';

const check = new Ajv2020({ strict: false, allErrors: true }).compile(s3Store.settingsSchema);
const problems = (settings: object) =>
  check({ use: 's3', bucket: 'backups', ...settings }) ? [] : check.errors;

describe('the settings of the s3 store', () => {
  it('need no more than a bucket', () => {
    expect(problems({})).toEqual([]);
  });

  it.each([
    { prefix: 'fleet' },
    { prefix: '/fleet/' },
    { prefix: '../' },
    { endpoint: 's3.example.org' },
    { endpoint: 'https://user:password@s3.example.org' },
    { endpoint: 'https://s3.example.org/bucket' },
    { storageClass: 'GLACIER' },
    { storageClass: 'DEEP_ARCHIVE' },
    { accessKeyId: 'env:A' },
    { sessionToken: 'env:T' },
    { partSize: 1024 },
    { colour: 'blue' },
  ])('refuse %j', (settings) => {
    expect(problems(settings)).not.toEqual([]);
  });

  it.each([
    { endpoint: 'https://s3.eu-west-2.amazonaws.com', pathStyle: false, checksum: 'sha256' },
    { endpoint: undefined, pathStyle: false, checksum: 'sha256' },
    { endpoint: 'http://127.0.0.1:9000', pathStyle: true, checksum: 'signed' },
    { endpoint: 'https://s3.amazonaws.com.example.org', pathStyle: true, checksum: 'signed' },
  ])('follow from the endpoint $endpoint', ({ endpoint, pathStyle, checksum }) => {
    expect(readSettings({ bucket: 'backups', endpoint })).toMatchObject({ pathStyle, checksum });
  });

  it('have defaults that the schema names', () => {
    const { properties } = s3Store.settingsSchema as { properties: Record<string, { default?: unknown }> };
    const named = Object.entries(properties).flatMap(([name, { default: value }]) =>
      value === undefined ? [] : [[name, value]],
    );

    expect(readSettings(Object.fromEntries([...named, ['bucket', 'b']]))).toEqual(
      readSettings({ bucket: 'b' }),
    );
  });

  it('are all in docs/s3.md', () => {
    const text = readFileSync('docs/s3.md', 'utf8');
    const { properties } = s3Store.settingsSchema as { properties: Record<string, unknown> };
    const missing = Object.keys(properties).filter((name) => !text.includes(`\`${name}\``) && name !== 'use');

    expect(missing).toEqual([]);
  });

  it('do not load the SDK before a store is opened', () => {
    const source =
      readFileSync('src/addins/s3/index.ts', 'utf8') + readFileSync('src/addins/s3/settings.ts', 'utf8');

    expect(source).not.toContain('@aws-sdk');
  });
});
