import { didYouMean } from '../nearest-name.js';
import { settingRows } from './settings-table.js';
import type { Environment } from './spelled-variables.js';

/** Kubernetes puts variables like these into every container for each service of the namespace: `nsm-x` gives NSM_X_... */
const serviceLink = /_SERVICE_(?:HOST|PORT(?:_\w+)?)$|_PORT(?:_\d+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?)?$/;

/** A warning for each `NSM_` variable that nothing here reads, with the name that was probably meant. */
export function warnOfUnknownVariables(env: Environment): readonly string[] {
  const known = settingRows.flatMap(([, { variable, older = [] }]) => [variable, ...older]);
  return Object.keys(env)
    .filter((name) => name.startsWith('NSM_') && !known.includes(name) && !serviceLink.test(name))
    .sort()
    .map((name) => `${name} is unknown and ignored${didYouMean(name, known)}`);
}
