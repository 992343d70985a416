// SPDX-License-Identifier: GPL-2.0-only
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

/*
 * dsmil-sim: /dev/dsmil-72dev without the hardware, as gpio-sim is for GPIO. Nothing but memory is touched.
 */
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "dsmil-sim.h"

#define SMALL_ARGUMENT 256

static struct dsmil_sim sim;

static char *options = "";
module_param(options, charp, 0444);
MODULE_PARM_DESC(options, "as in sim:OPTIONS of the library: seed=7,initialised=no (default: the fielded driver)");

static int dev_open(struct inode *inode, struct file *file)
{
	return dsmil_sim_open(&sim);
}

static int ask(const struct dsmil_request *request, void __user *user, u8 *argument)
{
	u32 direction = _IOC_DIR(request->code), size = _IOC_SIZE(request->code);
	int err;

	if ((direction & _IOC_WRITE) && copy_from_user(argument, user, size))
		return -EFAULT;
	err = dsmil_sim_ask(&sim, request, argument);
	/* READ_DEVICE, the only one in both directions, fills its record when it fails, too. */
	if (err && direction != (_IOC_READ | _IOC_WRITE))
		return err;
	if (err == -ERESTARTSYS)
		return err;
	if ((direction & _IOC_READ) && copy_to_user(user, argument, size))
		return -EFAULT;
	return err;
}

static long dev_ioctl(struct file *file, unsigned int code, unsigned long value)
{
	const struct dsmil_request *request = dsmil_request_by_code(code);
	void __user *user = (void __user *)value;
	u8 small[SMALL_ARGUMENT] __aligned(8);
	u8 *large;
	long err;

	if (!request)
		return dsmil_sim_unknown(&sim);
	if (_IOC_SIZE(code) <= sizeof(small)) {
		memset(small, 0, sizeof(small));
		return ask(request, user, small);
	}
	large = kzalloc(_IOC_SIZE(code), GFP_KERNEL);
	if (!large)
		return -ENOMEM;
	err = ask(request, user, large);
	kfree(large);
	return err;
}

static const struct file_operations dev_fops = {
	.owner = THIS_MODULE,
	.open = dev_open,
	.unlocked_ioctl = dev_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

static struct miscdevice device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = DSMIL_NODE,
	.fops = &dev_fops,
	.mode = 0600,
};

static int __init dsmil_sim_load(void)
{
	char *text;
	int err;

	dsmil_sim_init(&sim);
	text = kstrdup(options, GFP_KERNEL);
	if (!text)
		return -ENOMEM;
	err = dsmil_config_parse(&sim.config, strim(text));
	kfree(text);
	if (err) {
		pr_err("options can't be followed: %s\n", options);
		goto destroy;
	}
	err = dsmil_debugfs_init(&sim);
	if (err)
		goto destroy;
	err = misc_register(&device);
	if (err)
		goto remove;
	pr_info("/dev/%s is simulated\n", DSMIL_NODE);
	return 0;
remove:
	dsmil_debugfs_exit();
destroy:
	dsmil_sim_destroy(&sim);
	return err;
}

/* Nobody has the device open: each open file holds the module. */
static void __exit dsmil_sim_unload(void)
{
	misc_deregister(&device);
	dsmil_debugfs_exit();
	dsmil_sim_destroy(&sim);
}

module_init(dsmil_sim_load);
module_exit(dsmil_sim_unload);

MODULE_DESCRIPTION("Simulated dsmil-72dev device");
MODULE_AUTHOR("The dsmil authors");
MODULE_LICENSE("GPL");
MODULE_VERSION("0.1.0");
