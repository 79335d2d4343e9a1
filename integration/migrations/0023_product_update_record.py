"""Who changed prices and stock: a row for each product update."""
import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('integration', '0022_sold_out_index'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='ProductUpdate',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('source', models.CharField(choices=[('file', 'file'), ('api', 'API'), ('page', 'page'), ('command', 'command line'), ('code', 'code on the server')], max_length=10)),
                ('created_count', models.PositiveIntegerField(default=0)),
                ('changed_count', models.PositiveIntegerField(default=0)),
                ('sold_out_count', models.PositiveIntegerField(default=0, help_text='of the changed ones: what went out of stock')),
                ('changes', models.JSONField(default=list, help_text='the first ones, as update_record.describe writes them')),
                ('written_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), help_text='its last batch')),
                ('outlet', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='updates', to='integration.outlet')),
                ('token', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='integration.apitoken')),
                ('upload', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='integration.productupload')),
                ('user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['-written_at', '-pk'],
                'default_permissions': (),
                'indexes': [models.Index(fields=['outlet', 'written_at'], name='productupdate_outlet'), models.Index(fields=['written_at'], name='productupdate_time'), models.Index(fields=['source', 'written_at'], name='productupdate_source')],
            },
        ),
    ]
