/**
 * Two key pairs with one id of eight digits, found by trying. Whoever wants to can find one for any key in a day.
 */

import { parseIdentity } from '../../src/core/encryption/key-text.ts';

export const twins = [
  'AGE-SECRET-KEY-1LQ6Z57QJ4X6R8A5ZYNU4VMW986UDWXSMKN4HG6ARX0UL2HTNR4AS9P7VCM',
  'AGE-SECRET-KEY-1FR7549JXLCWNPVK2AV6XLXMU0AT8EUZNQPSWUVX7YGUEANZ9YPRSUCUUDT',
].map((secret) => parseIdentity(secret)!);
