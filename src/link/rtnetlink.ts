/** Numbers of rtnetlink(7), from the kernel's uapi headers, as far as they are used here. */

/** Message types (linux/rtnetlink.h). */
export const RTM = {
  NEWLINK: 16,
  DELLINK: 17,
  GETLINK: 18,
  SETLINK: 19,
  NEWADDR: 20,
  DELADDR: 21,
  GETADDR: 22,
  NEWROUTE: 24,
  DELROUTE: 25,
  GETROUTE: 26,
  NEWNEIGH: 28,
  DELNEIGH: 29,
  GETNEIGH: 30,
  NEWRULE: 32,
  DELRULE: 33,
  GETRULE: 34,
  NEWLINKPROP: 108,
  DELLINKPROP: 109,
} as const;

/** Message flags (linux/netlink.h). */
export const NLM_F = {
  REQUEST: 1,
  ACK: 4,
  DUMP_INTR: 0x10,
  CAPPED: 0x100,
  REPLACE: 0x100,
  EXCL: 0x200,
  ACK_TLVS: 0x200,
  DUMP: 0x300,
  CREATE: 0x400,
} as const;

/** Link attributes (linux/if_link.h). */
export const IFLA = {
  ADDRESS: 1,
  IFNAME: 3,
  MTU: 4,
  NUM_VF: 21,
  VFINFO_LIST: 22,
  NET_NS_FD: 28,
  EXT_MASK: 29,
  PROP_LIST: 52,
  ALT_IFNAME: 53,
  PARENT_DEV_NAME: 56,
  PARENT_DEV_BUS_NAME: 57,
} as const;

/** IFLA_EXT_MASK: what a link reply holds beside the ordinary. */
export const RTEXT_FILTER = { VF: 1, SKIP_STATS: 8 } as const;

/** Attributes of one VF (linux/if_link.h); all but the lists start with the VF's number. */
export const IFLA_VF = {
  INFO: 1,
  MAC: 1,
  VLAN: 2,
  SPOOFCHK: 4,
  LINK_STATE: 5,
  RATE: 6,
  TRUST: 9,
  VLAN_LIST: 12,
  VLAN_INFO: 1,
} as const;

/** Address attributes and flags (linux/if_addr.h). */
export const IFA = { ADDRESS: 1, LOCAL: 2, BROADCAST: 4, F_NODAD: 0x02, F_PERMANENT: 0x80 } as const;

/** Route attributes and flags (linux/rtnetlink.h). */
export const RTA = { DST: 1, OIF: 4, GATEWAY: 5, TABLE: 15, F_ONLINK: 4, TYPE_UNICAST: 1 } as const;

/** Neighbour attributes and states (linux/neighbour.h). */
export const NDA = { DST: 1, LLADDR: 2, IFINDEX: 8, PROTOCOL: 12, NUD_PERMANENT: 0x80 } as const;

/** Rule attributes and actions (linux/fib_rules.h). */
export const FRA = {
  SRC: 2,
  PRIORITY: 6,
  TABLE: 15,
  PROTOCOL: 21,
  IP_PROTO: 22,
  SPORT_RANGE: 23,
  DPORT_RANGE: 24,
  ACT_TO_TABLE: 1,
} as const;

/** Scopes of addresses and routes (linux/rtnetlink.h). */
export const SCOPE = { UNIVERSE: 0, LINK: 253 } as const;

/**
 * The origin that we write on every route, rule and neighbour (RTPROT_*, /etc/iproute2/rt_protos): nobody has
 * registered 78, so what carries it is ours. Listing and removing look at nothing else.
 */
export const OUR_PROTOCOL = 78;

/** Address families as the kernel numbers them. */
export const ADDRESS_FAMILY = { 4: 2, 6: 10 } as const;

/** The IP version of a kernel address family; undefined for others, such as MPLS. */
export function ipVersion(family: number | undefined): 4 | 6 | undefined {
  return family === 2 ? 4 : family === 10 ? 6 : undefined;
}
