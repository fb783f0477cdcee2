/** What drives a claimed function: its own kernel driver (a netdev), or `vfio-pci` (user space). */
export type DriverType = 'kernel' | 'vfio-pci';
