const LABEL = /^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;
const SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

/** Kubelet's rule for the name of an extended resource (kubernetes: IsExtendedResourceName). */
export function isExtendedResourceName(name: string): boolean {
  const [prefix = '', label, ...more] = name.split('/');
  if (label === undefined || more.length > 0) return false;
  if (`${prefix}/`.includes('kubernetes.io/') || prefix.startsWith('requests.')) return false;
  return `requests.${prefix}`.length <= 253 && SUBDOMAIN.test(prefix) && LABEL.test(label);
}
