/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * /dev/ioasid-mock/N.
 */
#ifndef MOCK_NODE_H
#define MOCK_NODE_H

struct mock_device;

int node_register(struct mock_device *mock);

/* Open files stay, and get ENODEV. */
void node_unregister(struct mock_device *mock);

#endif
