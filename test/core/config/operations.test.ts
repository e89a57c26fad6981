import { describe, expect, it } from 'vitest';
import { type Operations, operationsProblems, timingProblems } from '../../../src/core/config/operations.ts';
import type { NotifySettings } from '../../../src/core/config/operations-schema.ts';
import { builtinNotifiers } from '../../../src/core/notify/builtin.ts';

const none: Operations = { limits: {}, hooks: [], notify: [], alertAfterHours: 30, keepRunsDays: 90 };
const notifying = (...notify: NotifySettings[]): string[] =>
  operationsProblems('f', { ...none, notify }, { definitions: builtinNotifiers }).map(
    ({ pointer, message }) => `${pointer}: ${message}`,
  );

describe('problems of hooks and notifiers', () => {
  it('wants the full path of a program', () => {
    const hooks = [{ on: 'failure', command: ['mail', 'x'], timeoutSeconds: 1, onFailure: 'warn' }] as const;
    const [found] = operationsProblems(
      'f',
      { ...none, hooks: hooks.map((one) => ({ ...one, command: [...one.command] })) },
      { definitions: [] },
    );

    expect(found).toMatchObject({
      pointer: '/hooks/0/command/0',
      message: expect.stringContaining('"mail"'),
    });
  });

  it('wants what each notifier needs and nothing else', () => {
    expect(notifying({ use: 'webhook', url: 'env:HOOK', on: ['alarm'] })).toEqual([]);
    expect(notifying({ use: 'mail' })).toEqual(['/notify/0: property "to" is missing (The recipients.)']);
    expect(notifying({ use: 'textfile', path: '/x.prom', on: ['start'] })).toEqual([
      '/notify/0/on: is nothing that textfile takes',
    ]);
  });

  it('refuses a URL written out, and does not repeat it', () => {
    const [found] = notifying({ use: 'ping', url: 'https://hc.example/secret' });

    expect(found).toMatch(/^\/notify\/0\/url: must be a reference/);
    expect(found).not.toContain('hc.example');
  });
});

describe('problems of schedules', () => {
  it.each([
    ['0 3 * * *', null],
    ['0 3 L * *', null],
    ['61 * * * *', /61/],
    ['0 3 * * xyz', /xyz/],
    ['0 3 * * 5L', null],
    ['0 0 29 2 *', null],
    ['0 3 L-3 * *', /"0 3 L-3 \* \*" is not supported/],
    ['0 3 L-3 * 5', /is not supported/],
    ['0 3 15W * *', /is not supported/],
    ['0 3 * * 5#2', /is not supported/],
    ['0 3 30,31 2 *', /"0 3 30,31 2 \* \*" is never due|impossible/],
    ['0 3 * * * *', /is not supported/],
  ])('judges %s', (cron, problem) => {
    const found = timingProblems('f', { schedule: [{ cron }] });

    if (problem === null) expect(found).toEqual([]);
    else
      expect(found[0]).toMatchObject({
        pointer: '/schedule/0/cron',
        message: expect.stringMatching(problem),
      });
  });

  it('knows time zones and refuses a window of no length', () => {
    expect(timingProblems('f', { schedule: [], timeZone: 'Europe/Berlin', window: '22:00-06:00' })).toEqual(
      [],
    );
    expect(timingProblems('f', { schedule: [], timeZone: 'Mars/Base' })[0]?.pointer).toBe('/timeZone');
    expect(timingProblems('f', { schedule: [], window: '06:00-06:00' })[0]?.pointer).toBe('/window');
  });
});
