/** Which lower layers an overlay has, by the options that the kernel shows. What they hide: restore-in-place-overlay.test.ts. */

import { describe, expect, it } from 'vitest';
import { lowerOptions } from '../../../../src/core/jobs/restore-in-place/lower-layers.ts';

describe('lowerOptions', () => {
  it.each([
    ['rw,lowerdir=/fst/a:/fst/b,upperdir=/u,workdir=/w', ['/fst/a', '/fst/b']],
    ['rw,lowerdir=/with\\040blank:/with\\134:colon,upperdir=/lowerdir=/x', ['/with blank', '/with:colon']],
    ['rw,lowerdir=/a\\134,b,upperdir=/u', ['/a,b']],
    ['rw,lowerdir+=/a,lowerdir+=/b,datadir+=/d,upperdir=/u', ['/a', '/b']],
    ['rw,lowerdir=/a:/b::/data,upperdir=/u', ['/a', '/b']],
    ['rw,upperdir=/u', []],
  ])('reads %s', (options, layers) => {
    expect(lowerOptions(options)).toEqual(layers);
  });
});
