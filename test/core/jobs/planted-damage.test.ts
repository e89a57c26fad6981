/** Thirty damages of every kind, and every one of them is found. Two hundred: planted-damage.long.test.ts. */

import { findsDamages } from '../../support/damage-suite.ts';

findsDamages(3);
