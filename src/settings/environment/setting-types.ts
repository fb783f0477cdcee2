import { settingRows } from './settings-table.js';

/**
 * The types that settings have, once each, with the form of their values; in the order of the table. A type whose name
 * says all, like `max or none`, is left out.
 */
export function listSettingTypes(): readonly { readonly label: string; readonly form: string }[] {
  const forms = new Map(settingRows.map(([, { kind }]) => [kind.label, kind.form]));
  return [...forms]
    .filter(([label, form]) => label !== form.replaceAll('`', ''))
    .map(([label, form]) => ({ label, form }));
}
