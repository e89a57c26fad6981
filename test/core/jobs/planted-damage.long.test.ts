/** Two hundred damages of every kind, and every one of them is found. */

import { findsDamages } from '../../support/damage-suite.ts';

findsDamages(20);
