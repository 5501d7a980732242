// SPDX-License-Identifier: GPL-2.0-only
/*
 * Loading and unloading: what is refused and why, in which order all begins, and that each
 * way out undoes what was done, in reverse.
 */
#include "test.h"

#include <linux/array_size.h>
#include <linux/cc_platform.h>
#include <linux/errno.h>
#include <linux/kvm_host.h>
#include <linux/module.h>

#include <string.h>

#include <unit/alloc.h>

#include "debugfs.h"
#include "discard.h"
#include "fake_host.h"
#include "hook.h"
#include "launch.h"
#include "life.h"
#include "npf.h"
#include "policy.h"
#include "prefault.h"
#include "run.h"
#include "shape.h"
#include "site_taker.h"
#include "slots.h"
#include "sysfs.h"
#include "vm.h"

extern int (*const unit_module_init)(void);
extern void (*const unit_module_exit)(void);
extern const struct unit_param unit_param_mode, unit_param_action, unit_param_policy,
	unit_param_sites, unit_param_request_sites;
extern const char unit_module_license[], unit_module_softdep[];

/* What was done, a word each; and what the step of that name returns. */
static char done[512];
static const char *fails;
static int error;

static int step(const char *name)
{
	strcat(done, name);
	strcat(done, " ");
	return fails && !strcmp(fails, name) ? error : 0;
}

/* --- in place of the others --- */

struct rmpe_hook rmpe_hook_page_fault = { .name = "page_fault" };
struct rmpe_hook rmpe_hook_vcpu_run = { .name = "vcpu_run" };
struct rmpe_hook rmpe_hook_pre_fault = { .name = "pre_fault" };
struct rmpe_hook rmpe_hook_gmem_fallocate = { .name = "gmem_fallocate" };
struct rmpe_hook rmpe_hook_prepare_region = { .name = "prepare_region" };
struct rmpe_hook rmpe_hook_populate = { .name = "populate" };
struct rmpe_hook rmpe_hook_init_vm = { .name = "init_vm" };
struct rmpe_hook rmpe_hook_destroy_vm = { .name = "destroy_vm" };

bool cc_platform_has(enum cc_attr attr)
{
	assert_int_equal(attr, CC_ATTR_HOST_SEV_SNP);
	return !step("snp");
}

void *unit_symbol_get(const char *name)
{
	assert_string_equal(name, "kvm_get_kvm");
	return step("pin") ? NULL : done;
}

void unit_symbol_put(const char *name)
{
	assert_string_equal(name, "kvm_get_kvm");
	step("unpin");
}

/* A vCPU's first, by how often they are called. */
static void assert_all_hooks(struct rmpe_hook *const *hooks)
{
	static const char *const names[] = {
		"page_fault", "vcpu_run", "pre_fault", "gmem_fallocate", "prepare_region",
		"populate", "init_vm", "destroy_vm",
	};
	int i;

	for (i = 0; i < ARRAY_SIZE(names); i++)
		assert_string_equal(hooks[i]->name, names[i]);
	assert_null(hooks[i]);
}

int rmpe_shape_check(struct rmpe_hook *const *hooks)
{
	assert_all_hooks(hooks);
	return step("shape");
}

int rmpe_taker_init(void)
{
	return step("taker");
}

void rmpe_taker_exit(void)
{
	step("-taker");
}

int rmpe_sysfs_init(void)
{
	return step("sysfs");
}

void rmpe_sysfs_exit(void)
{
	step("-sysfs");
}

void rmpe_debugfs_init(void)
{
	step("debugfs");
}

void rmpe_debugfs_exit(void)
{
	step("-debugfs");
}

int rmpe_hooks_install(struct rmpe_hook *const *hooks)
{
	assert_all_hooks(hooks);
	return step("hooks");
}

void rmpe_hooks_stop(void)
{
	step("stop");
}

void rmpe_vm_wait_all_freed(void)
{
	step("wait");
}

void rmpe_hooks_remove(void)
{
	step("-hooks");
}

/* --- */

/* --- parameters, as they are looked at --- */

static const struct unit_param *const params[] = {
	&unit_param_mode, &unit_param_action, &unit_param_sites, &unit_param_request_sites,
	&unit_param_policy,
};

static struct rmpe_settings defaults;

static void begin(void)
{
	done[0] = 0;
	fails = NULL;
	host = (struct fake_host){ };
}

static int set_up(void **state)
{
	unit_reset();
	begin();
	defaults = rmpe_global;
	return 0;
}

static int tear_down(void **state)
{
	int i;

	unit_fail_alloc(UNIT_NEVER);
	rmpe_global = defaults;
	for (i = 0; i < ARRAY_SIZE(params); i++)
		*params[i]->value = NULL;
	return unit_live_objects() != 0;
}

static void set(const struct unit_param *param, const char *value)
{
	*param->value = (char *)value;
}

static void assert_log(const char *line)
{
	assert_string_equal(host.log, line);
	assert_int_equal(host.printed, 1);
}

#define ALL	"snp pin shape taker sysfs debugfs hooks "

static void loaded_and_unloaded(void **state)
{
	assert_int_equal(unit_module_init(), 0);
	assert_string_equal(done, ALL);
	assert_log("6 rmp_enforce: loaded: mode=lenient action=vc\n");
	begin();
	unit_module_exit();
	assert_string_equal(done, "stop wait -hooks -debugfs -sysfs -taker unpin ");
	assert_log("6 rmp_enforce: unloaded\n");
}

/* @log: the module's own, "" where the step has said why. */
static void assert_refused(const char *at, int with, const char *steps, const char *log,
			   int answer)
{
	begin();
	fails = at;
	error = with;
	assert_int_equal(unit_module_init(), answer);
	assert_string_equal(done, steps);
	assert_string_equal(host.log, log);
	assert_int_equal(host.printed, log[0] != 0);
	assert_memory_equal(&rmpe_global, &defaults, sizeof(defaults));
}

static void each_step_fails(void **state)
{
	assert_refused("snp", 1, "snp ",
		       "3 rmp_enforce: refusing to load: this host does not run SEV-SNP\n",
		       -ENODEV);
	assert_refused("pin", 1, "snp pin ",
		       "3 rmp_enforce: refusing to load: kvm is not loaded\n", -ENODEV);
	assert_refused("shape", -EOPNOTSUPP, "snp pin shape unpin ", "", -EOPNOTSUPP);
	assert_refused("taker", -ENOMEM, "snp pin shape taker unpin ",
		       "3 rmp_enforce: refusing to load: out of memory\n", -ENOMEM);
	assert_refused("sysfs", -EEXIST, "snp pin shape taker sysfs -taker unpin ",
		       "3 rmp_enforce: refusing to load: no sysfs directory (error -17)\n",
		       -EEXIST);
	assert_refused("hooks", -EBUSY, ALL "-debugfs -sysfs -taker unpin ", "", -EBUSY);
}

/* Readable by all, and fixed once it is loaded: sysfs has what may change. */
static void parameters_are_read_only(void **state)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(params); i++)
		assert_int_equal(params[i]->mode, 0444);
}

/* Each keyword, with the number that it stands for. */
static void good_words(void **state)
{
	static const struct {
		const struct unit_param *param;
		const char *word;
		u8 *setting;
		u8 value;
	} good[] = {
		{ &unit_param_mode, "off", &rmpe_global.mode, RMPE_MODE_OFF },
		{ &unit_param_mode, "lenient", &rmpe_global.mode, RMPE_MODE_LENIENT },
		{ &unit_param_mode, "strict", &rmpe_global.mode, RMPE_MODE_STRICT },
		{ &unit_param_action, "vc", &rmpe_global.action, RMPE_ACTION_VC },
		{ &unit_param_action, "terminate", &rmpe_global.action, RMPE_ACTION_TERMINATE },
		{ &unit_param_sites, "off", &rmpe_global.sites, RMPE_SWITCH_OFF },
		{ &unit_param_sites, "on", &rmpe_global.sites, RMPE_SWITCH_ON },
		{ &unit_param_request_sites, "off", &rmpe_global.request_sites, RMPE_SWITCH_OFF },
		{ &unit_param_request_sites, "on", &rmpe_global.request_sites, RMPE_SWITCH_ON },
	};
	int i;

	for (i = 0; i < ARRAY_SIZE(good); i++) {
		struct rmpe_settings expected = defaults;

		tear_down(state);
		begin();
		set(good[i].param, good[i].word);
		((u8 *)&expected)[good[i].setting - (u8 *)&rmpe_global] = good[i].value;
		assert_int_equal(unit_module_init(), 0);
		assert_memory_equal(&rmpe_global, &expected, sizeof(expected));
		assert_string_equal(done, ALL);
	}
}

static void what_is_set_is_said(void **state)
{
	set(&unit_param_mode, "strict");
	set(&unit_param_action, "terminate");
	assert_int_equal(unit_module_init(), 0);
	assert_log("6 rmp_enforce: loaded: mode=strict action=terminate\n");
}

/* Nothing has been done by then.  "inherit" is a VM's word, not the host's. */
static void bad_words(void **state)
{
#define BAD(param, word, words) {						\
	&unit_param_##param, word,						\
	"3 rmp_enforce: refusing to load: " #param "=" word " is none of " words "\n" }
	static const struct {
		const struct unit_param *param;
		const char *word, *log;
	} bad[] = {
		BAD(mode, "lax", "off, lenient, strict"),
		BAD(mode, "inherit", "off, lenient, strict"),
		BAD(mode, "", "off, lenient, strict"),
		BAD(action, "vmpl", "vc, terminate"),
		BAD(action, "inherit", "vc, terminate"),
		BAD(sites, "yes", "off, on"),
		BAD(sites, "inherit", "off, on"),
		BAD(request_sites, "1", "off, on"),
	};
	int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		set(bad[i].param, bad[i].word);
		assert_refused(NULL, 0, "snp ", bad[i].log, -EINVAL);
		set(bad[i].param, NULL);
	}
}

/* The first that is bad is named, whatever comes after it. */
static void two_are_bad(void **state)
{
	static const char *const names[] = { "mode", "action", "sites", "request_sites" };
	char begins[64];
	int i;

	set(&unit_param_policy, "bad");
	for (i = ARRAY_SIZE(names) - 1; i >= 0; i--) {
		begin();
		set(params[i], "bad");
		assert_int_equal(unit_module_init(), -EINVAL);
		assert_int_equal(host.printed, 1);
		snprintf(begins, sizeof(begins), "3 rmp_enforce: refusing to load: %s=bad is",
			 names[i]);
		assert_memory_equal(host.log, begins, strlen(begins));
	}
}

static void policies(void **state)
{
	static char list[] = "first_touch=report,vmpl=enforce";
	struct rmpe_settings expected = defaults;

	expected.policy[RMPE_CLASS_FIRST_TOUCH] = RMPE_POLICY_REPORT;
	expected.policy[RMPE_CLASS_VMPL] = RMPE_POLICY_ENFORCE;
	set(&unit_param_policy, list);
	assert_int_equal(unit_module_init(), 0);
	assert_memory_equal(&rmpe_global, &expected, sizeof(expected));
	assert_string_equal(done, ALL);
	/* sysfs shows the parameter as it was given. */
	assert_string_equal(list, "first_touch=report,vmpl=enforce");
}

/* The part that is not understood is named; what is before it is not applied. */
static void bad_policies(void **state)
{
	set(&unit_param_policy, "vmpl=enforce,host=enforce,vmpl=report");
	assert_refused(NULL, 0, "snp ",
		       "3 rmp_enforce: refusing to load: policy: \"host=enforce\" is not class=enforce or class=report\n",
		       -EINVAL);
}

static void no_memory_for_policies(void **state)
{
	set(&unit_param_policy, "vmpl=enforce");
	unit_fail_alloc(1);
	assert_refused(NULL, 0, "snp ", "", -ENOMEM);
	assert_true(unit_alloc_failed());
}

/* Without this no symbol is had; and who must be there before. */
static void modinfo(void **state)
{
	assert_string_equal(unit_module_license, "GPL");
	assert_string_equal(unit_module_softdep, "pre: kvm_amd");
}

#define INIT_TEST(f)	cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		INIT_TEST(loaded_and_unloaded),
		INIT_TEST(each_step_fails),
		INIT_TEST(parameters_are_read_only),
		INIT_TEST(good_words),
		INIT_TEST(what_is_set_is_said),
		INIT_TEST(bad_words),
		INIT_TEST(two_are_bad),
		INIT_TEST(policies),
		INIT_TEST(bad_policies),
		INIT_TEST(no_memory_for_policies),
		INIT_TEST(modinfo),
	};

	return cmocka_run_group_tests_name("init", tests, NULL, NULL);
}
