/** The schema of every `--json` document, by file name under `schemas/`. */

import type { JsonSchema } from '../../core/index.ts';
import { accountsDocument } from './accounts.ts';
import { addinCreatedDocument } from './addin-created.ts';
import { addinsDocument, validationDocument } from './addins.ts';
import { backupDocument, backupPlanDocument } from './backup.ts';
import { compactDocument } from './compact.ts';
import { databaseExportDocument } from './database-export.ts';
import { databaseGrantDocument } from './database-grant.ts';
import { databaseImportDocument } from './database-import.ts';
import { differenceDocument } from './difference.ts';
import { doctorDocument } from './doctor.ts';
import { entryDocument, matchDocument } from './entry.ts';
import { errorDocument } from './error.ts';
import {
  decryptDocument,
  keyCheckDocument,
  keyEraseDocument,
  keyGenerateDocument,
  keyRotateDocument,
} from './keys.ts';
import { pinDocument, pruneDocument, unpinDocument } from './prune.ts';
import { repairDocument } from './repair.ts';
import { restoreDocument, restorePlanDocument } from './restore.ts';
import { restoreAllDocument } from './restore-all.ts';
import { restoreActionDocument, restoreInPlaceDocument } from './restore-in-place.ts';
import { hooksDocument, installDocument, scheduleDocument, uninstallDocument } from './schedule.ts';
import { scopeDocument, scopeSetDocument, scopesDocument, scopeValueDocument } from './scopes.ts';
import { snapshotsDocument, statusDocument } from './snapshots.ts';
import { statusCheckDocument } from './status-check.ts';
import { addinVerificationDocument, storeSetupDocument } from './store-setup.ts';
import { verifyDocument } from './verify.ts';

export const jsonDocuments = {
  'scope.schema.json': scopeDocument,
  'scope-set.schema.json': scopeSetDocument,
  'scope-value.schema.json': scopeValueDocument,
  'scopes.schema.json': scopesDocument,
  'accounts.schema.json': accountsDocument,
  'addin-created.schema.json': addinCreatedDocument,
  'addin-verification.schema.json': addinVerificationDocument,
  'addins.schema.json': addinsDocument,
  'backup.schema.json': backupDocument,
  'backup-plan.schema.json': backupPlanDocument,
  'compact.schema.json': compactDocument,
  'database-export.schema.json': databaseExportDocument,
  'database-grant.schema.json': databaseGrantDocument,
  'decrypt.schema.json': decryptDocument,
  'database-import.schema.json': databaseImportDocument,
  'difference.schema.json': differenceDocument,
  'doctor.schema.json': doctorDocument,
  'entry.schema.json': entryDocument,
  'error.schema.json': errorDocument,
  'key-check.schema.json': keyCheckDocument,
  'key-erase.schema.json': keyEraseDocument,
  'key-generate.schema.json': keyGenerateDocument,
  'key-rotate.schema.json': keyRotateDocument,
  'match.schema.json': matchDocument,
  'pin.schema.json': pinDocument,
  'prune.schema.json': pruneDocument,
  'repair.schema.json': repairDocument,
  'restore.schema.json': restoreDocument,
  'restore-all.schema.json': restoreAllDocument,
  'restore-in-place.schema.json': restoreInPlaceDocument,
  'restore-in-place-action.schema.json': restoreActionDocument,
  'restore-plan.schema.json': restorePlanDocument,
  'hooks.schema.json': hooksDocument,
  'schedule.schema.json': scheduleDocument,
  'schedule-install.schema.json': installDocument,
  'schedule-uninstall.schema.json': uninstallDocument,
  'snapshots.schema.json': snapshotsDocument,
  'status-check.schema.json': statusCheckDocument,
  'status.schema.json': statusDocument,
  'store-setup.schema.json': storeSetupDocument,
  'unpin.schema.json': unpinDocument,
  'validation.schema.json': validationDocument,
  'verify.schema.json': verifyDocument,
} as const satisfies Readonly<Record<string, JsonSchema>>;
