import { describe, expect, it } from 'vitest';
import { shown } from '../../../src/core/isolation/wire-errors.ts';

const password = 'hunter2-"q/z+ü';

describe('a message of an addin', () => {
  it('shows nothing of a secret that another secret is a part of', () => {
    expect(shown(`login hunter with ${password}!`, ['hunter', password])).toBe(
      'login [secret] with [secret]!',
    );
  });

  it.each([
    ['of a URL', `https://u:${encodeURIComponent(password)}@host`, 'https://u:[secret]@host'],
    ['of JSON', JSON.stringify({ password }), '{"password":"[secret]"}'],
    ['of base64', `Bearer ${Buffer.from(password).toString('base64')}`, 'Bearer [secret]'],
  ])('shows no secret as part %s', (_, text, expected) => {
    expect(shown(text, [password])).toBe(expected);
  });

  it('shows no secret that is cut, here or where it was sent', () => {
    const filler = '.'.repeat(3990);
    expect(shown(`${filler}${password} and so on`, [password])).toBe(`${filler}[secret] a`.slice(0, 4000));
    expect(shown(`${filler}${password}`.slice(0, 4000), [password])).toBe(filler);
    expect(shown(filler, [password])).toBe(filler);
  });
});
