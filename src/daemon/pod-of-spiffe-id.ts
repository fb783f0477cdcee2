/** A pod as a SPIFFE id tells it; what the template does not have is absent. */
export interface NamedPod {
  readonly namespace?: string;
  readonly pod?: string;
}

/**
 * The pod that a SPIFFE id names.
 *
 * @param template as NSM_SPIFFE_ID_TEMPLATE has it, with `{namespace}` or `{pod}`
 * @returns undefined when the id does not follow the template
 */
export function podOfSpiffeId(template: string, id: string): NamedPod | undefined {
  const literal = template.replace(/[.*+?^$()|[\]\\]/g, '\\$&');
  const pattern = literal.replace(/\{(namespace|pod)\}/g, '(?<$1>[^/]+)');
  const match = new RegExp(`^${pattern}$`).exec(id);
  return match === null ? undefined : { ...match.groups };
}
